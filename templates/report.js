"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const two = (number) => String(number).padStart(2, "0");

  by("tools").hidden = false;

  // The theme; it is not remembered.
  const theme = by("theme");
  let isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const paint = () => {
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    theme.setAttribute("aria-pressed", String(isDark));
  };
  theme.addEventListener("click", () => { isDark = !isDark; paint(); });
  paint();

  // Times: in UTC, as written, or in the reader's time zone.
  const local = by("local");
  const offset = (at) => {
    const minutes = -at.getTimezoneOffset();
    const size = Math.abs(minutes);
    return (minutes < 0 ? "-" : "+") + two(Math.floor(size / 60)) + ":" + two(size % 60);
  };
  const clock = (at) => two(at.getHours()) + ":" + two(at.getMinutes());
  const day = (at) => at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate());
  const full = (at, text) => {
    const parts = /\.\d+/.exec(text);
    return day(at) + " " + clock(at) + ":" + two(at.getSeconds()) + (parts ? parts[0] : "") + offset(at);
  };
  let isLocal = false;
  local.addEventListener("click", () => {
    isLocal = !isLocal;
    local.setAttribute("aria-pressed", String(isLocal));
    by("zone").textContent = isLocal ? "your time zone" : "UTC";
    for (const time of all("time")) {
      const text = time.getAttribute("datetime");
      time.textContent = isLocal ? full(new Date(text), text) : text.replace("T", " ");
    }
    for (const tick of all("svg text[data-at]")) {
      const text = tick.dataset.at;
      tick.dataset.utc = tick.dataset.utc || tick.textContent;
      const at = new Date(text);
      tick.textContent = !isLocal ? tick.dataset.utc : tick.dataset.utc.includes(":") ? clock(at) : day(at);
    }
  });

  // Copy buttons. A browser may deny the clipboard to a page from a file, so there is a fallback.
  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false;
    }
  };
  const selected = (code) => {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  };
  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      const done = (await copied(code.textContent)) || selected(code);
      button.textContent = done ? "Copied" : "Selected";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  // The filter of log lines.
  const form = by("filter");
  if (form) {
    const lines = all("#lines > li");
    let texts = null;
    const filter = () => {
      texts = texts || lines.map((line) => line.textContent.toLowerCase());
      const words = by("text").value.toLowerCase().split(/\s+/).filter(Boolean);
      const level = by("level").value;
      const pod = by("pod").value;
      let shown = 0;
      lines.forEach((line, at) => {
        const isShown = (!level || line.dataset.l === level) && (!pod || line.dataset.p === pod) &&
          words.every((word) => texts[at].includes(word));
        if (line.hidden === isShown) line.hidden = !isShown;
        shown += isShown ? 1 : 0;
      });
      by("count").textContent = shown + " of " + lines.length + " lines";
    };
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    // A browser may restore the form's values without applying them.
    form.reset();
  }

  // A link into a closed section opens it; so does printing.
  const unfold = () => {
    const target = location.hash && by(decodeURIComponent(location.hash.slice(1)));
    const details = target && target.closest("details");
    if (details && !details.open) {
      details.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", unfold);
  unfold();
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("section details").filter((details) => !details.open && !details.closest("#lines"));
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });
})();

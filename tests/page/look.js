// Opens each page in both themes, and at the width of a phone, and holds it to what a page must be.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

// With the name of one page: of a real bundle, of which only size and time are known beforehand.
const [program, pages, shots, real] = process.argv.slice(2);
const NAMES = ["incident", "large", "hostile", "nothing"];
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 400, height: 800 } };
// From the first byte until a filter of the lines has been applied, in milliseconds.
const INTERACTIVE = 1000;
const LARGEST = 2e6;

// A page at its address, with what it asked for, said and threw.
async function open(browser, name, options) {
  const context = await browser.newContext({ viewport: SIZES.desktop, timezoneId: "Asia/Kolkata", ...options });
  const page = await context.newPage();
  const seen = { requests: [], errors: [], dialogs: [] };
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("console", (message) => seen.errors.push(message.text()));
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => { seen.dialogs.push(dialog.message()); dialog.dismiss(); });
  const url = pathToFileURL(path.resolve(pages, name, "report.html")).href;
  await page.goto(url, { waitUntil: "load" });
  const quiet = () => {
    assert.deepEqual(seen.requests.filter((to) => to !== url), [], `${name} asks for more than itself`);
    assert.deepEqual(seen.errors, [], `${name} has something to complain of`);
    assert.deepEqual(seen.dialogs, [], `${name} opens a dialog`);
  };
  return { page, context, quiet };
}

// axe is put in by the browser's own debugger, which the page's policy does not bind.
async function violations(page, name) {
  await page.evaluate(`${axe}; undefined`);
  // Contrast takes a minute where there are thousands of lines, and theirs are the colours of the other pages.
  const rules = { "color-contrast": { enabled: name !== "large" } };
  const found = await page.evaluate((rules) => window.axe.run(document, { resultTypes: ["violations"], rules }), rules);
  return found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`);
}

async function looks(browser, name) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const { page, context, quiet } = await open(browser, name, { colorScheme, viewport, reducedMotion: "reduce" });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${name} at ${size} is ${wide} px too wide`);
      await page.screenshot({ path: path.join(shots, `${name}-${colorScheme}-${size}.png`), fullPage: name !== "large" });
      // Of the large one there is more, and nothing that the others have not: once is enough.
      if (name !== "large" || (size === "desktop" && colorScheme === "light")) {
        await page.evaluate(() => document.querySelectorAll("section > details, .drawn > details").forEach((one) => { one.open = true; }));
        assert.deepEqual(await violations(page, name), [], `${name}, ${colorScheme}, ${size}`);
      }
      quiet();
      await context.close();
    }
  }
}

async function links(browser, name) {
  const { page, context } = await open(browser, name);
  const all = await page.$$eval("a[href]", (found) => found.map((link) => link.getAttribute("href")));
  const files = [...new Set(all.filter((to) => !to.startsWith("#")))];
  for (const file of files) {
    assert.match(file, /^[a-z]+\/[^:]+$/, `${name} links to ${file}`);
    assert.ok(fs.existsSync(path.join(pages, name, decodeURIComponent(file))), `${name} links to ${file}, which is not there`);
  }
  for (const to of all.filter((to) => to.startsWith("#"))) {
    assert.equal(await page.$$eval(`[id="${to.slice(1)}"]`, (found) => found.length), 1, `${name} links to ${to}`);
    if (all.length > 500) break;
  }
  await context.close();
  return files.length;
}

async function works(browser, name) {
  const { page, context, quiet } = await open(browser, name, { colorScheme: "light" });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const was = await back();
  await page.click("#theme");
  assert.equal(await theme(), "dark");
  assert.notEqual(await back(), was);
  assert.equal(await page.getAttribute("#theme", "aria-pressed"), "true");

  const first = () => page.$eval("time", (time) => time.textContent);
  const utc = await first();
  assert.match(utc, /Z$/);
  await page.focus("#local");
  await page.keyboard.press("Space");
  assert.match(await first(), /\+05:30$/);
  await page.keyboard.press("Space");
  assert.equal(await first(), utc);

  const shown = () => page.$$eval("#lines > li", (lines) => lines.filter((line) => !line.hidden).length);
  const all = await shown();
  if (all > 0) {
    assert.ok(all > 10, `${name} shows ${all} lines`);
    await page.fill("#text", "\"attempt\":3, unavailable");
    const some = await shown();
    assert.ok(some > 0 && some < all, `${some} of ${all}`);
    assert.equal(await page.textContent("#count"), `${some} of ${all} lines`);
    await page.selectOption("#level", "fatal");
    await page.fill("#text", "");
    await page.selectOption("#pod", "1");
    const few = await shown();
    assert.ok(few > 0 && few < all);
    const levels = await page.$$eval("#lines > li:not([hidden])", (lines) => lines.map((line) => line.dataset.l + line.dataset.p));
    assert.ok(levels.every((one) => one === "fatal1"), levels[0]);
    await page.selectOption("#level", "");
    await page.selectOption("#pod", "");
    assert.equal(await shown(), all);
    await page.click("#lines > li a");
    assert.ok(await page.$eval("#logs", (logs) => logs.open), "a line's log is unfolded");
  }
  if (await page.$(".copy")) {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.click(".copy");
    await page.waitForFunction(() => document.querySelector(".copy").textContent !== "Copy");
  }
  await page.emulateMedia({ media: "print" });
  const paper = await page.pdf({ path: path.join(shots, `${name}.pdf`), format: "A4" });
  assert.ok(paper.length > 5000);
  assert.ok(!(await page.isVisible("nav")), "the navigation is no use on paper");
  quiet();
  await context.close();
}

// Without script it is a plain list, and nothing that needs it is shown.
async function plain(browser, name) {
  const { page, context } = await open(browser, name, { javaScriptEnabled: false });
  assert.equal(await page.locator("#theme, #filter, .copy").filter({ visible: true }).count(), 0);
  assert.ok((await page.locator("#lines > li").count()) > 10);
  await context.close();
}

async function time(browser, name) {
  const times = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const { page, context } = await open(browser, name);
    times.push(await page.evaluate(async () => {
      const loaded = performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd;
      const began = performance.now();
      const text = document.getElementById("text");
      text.value = "attempt";
      text.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return loaded + performance.now() - began;
    }));
    await context.close();
  }
  return Math.min(...times);
}

async function fast(browser, name) {
  const bytes = fs.statSync(path.join(pages, name, "report.html")).size;
  const ms = await time(browser, name);
  console.log(`${name}: ${bytes} bytes, interactive, and filtered once, after ${Math.round(ms)} ms`);
  assert.ok(ms < INTERACTIVE, `${ms} ms`);
  assert.ok(bytes < LARGEST, `${bytes} bytes`);
}

async function whole(browser, name) {
  const { page, context, quiet } = await open(browser, name, { colorScheme: "light" });
  await page.screenshot({ path: path.join(shots, `${name}.png`) });
  assert.deepEqual(await violations(page, "large"), [], name);
  quiet();
  await context.close();
  const files = await links(browser, name);
  console.log(`${name}: ${files} files linked, all there`);
}

async function main() {
  // Root has no sandbox of its own to give.
  const browser = await chromium.launch({ executablePath: program, args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
  try {
    if (real) {
      await fast(browser, real);
      await whole(browser, real);
      return;
    }
    const one = async (name) => {
      const bytes = fs.statSync(path.join(pages, name, "report.html")).size;
      await looks(browser, name);
      const files = await links(browser, name);
      await works(browser, name);
      console.log(`${name}: ${bytes} bytes, ${files} files linked`);
    };
    // The large one takes as long as all others.
    const others = async () => { for (const name of NAMES.filter((name) => name !== "large")) await one(name); };
    await Promise.all([one("large"), others()]);
    await plain(browser, "incident");
    await fast(browser, "large");
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});

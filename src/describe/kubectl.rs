//! What deskribe 0.2.0 prints otherwise than kubectl 1.37 does, set right: over its text, and where
//! that does not tell, over the object. Each function goes when a later deskribe needs it no more;
//! the comparison on a real cluster (`tests/cluster/describe.rs`) says when.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use std::{borrow::Cow, fmt::Write as _};

/// `text` as kubectl prints it. `object` gives the object as JSON; it is asked only when it is needed.
pub(super) fn set_right(kind: &str, text: String, object: impl FnOnce() -> Option<Bytes>) -> String {
    match kind {
        "Node" => without_proxy_version(text),
        "Pod" => pod(text, object),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "ReplicationController" => {
            containers(text, &[])
        }
        _ => text,
    }
}

/// kubectl prints it no more, since no kubelet reports it.
fn without_proxy_version(mut text: String) -> String {
    if let Some(at) = text.find("\n  Kube-Proxy Version:") {
        let end = text[at + 1..].find('\n').map_or(text.len(), |end| at + 1 + end);
        text.replace_range(at..end, "");
    }
    text
}

fn pod(mut text: String, object: impl FnOnce() -> Option<Bytes>) -> String {
    let raw = object();
    let raw = raw.as_deref().unwrap_or_default();
    if text.contains(REFERENCE)
        && let Ok(Referred { metadata }) = serde_json::from_slice(raw)
    {
        text = without_references(&text, &metadata);
    }
    let has_zeros = memmem::find_iter(raw, b":\"0").any(|at| raw.get(at + 3).is_some_and(u8::is_ascii_digit));
    if has_zeros && let Ok(object) = serde_json::from_slice::<Value>(raw) {
        text = with_zeros(&text, &object);
    }
    if text.contains("EphemeralVolume (an inline") {
        text = claim_templates(&text);
    }
    containers(text, raw)
}

/// Containers of pods and of what has a template of them.
fn containers(text: String, raw: &[u8]) -> String {
    if !text.contains(" http-get ") && !text.contains(",path=\"") {
        return text;
    }
    // The path `*` alone is left as it is.
    let has_star = memmem::find(raw, b"\"path\":\"*\"").is_some();
    by_line(&text, |line| match probe(line) {
        Some((head, address, rest)) => {
            let is_star = has_star && address.ends_with("/*") && address.matches('/').count() == 3;
            let address = if is_star { address.to_owned() } else { escaped(address) };
            Cow::Owned(format!("{head} http-get {address}{rest}"))
        }
        None => sub_path(line).map_or(Cow::Borrowed(line), Cow::Owned),
    })
}

/// A line that tells of a probe by HTTP: what comes before its address, the address, and what after.
fn probe(line: &str) -> Option<(&str, &str, &str)> {
    let (head, rest) = split_once(line, " http-get ")?;
    if !["Liveness:", "Readiness:", "Startup:"].contains(&head.trim()) {
        return None;
    }
    let (address, rest) = rest.split_at(rest.find(" delay=")?);
    Some((head, address, rest))
}

/// Go's URLs have these escaped in a path: https://pkg.go.dev/net/url#URL.EscapedPath.
fn escaped(address: &str) -> String {
    address.chars().fold(String::with_capacity(address.len()), |mut out, letter| {
        // Writing to a String cannot fail.
        let _ = match letter {
            ' ' | '!' | '\'' | '(' | ')' | '*' => write!(out, "%{:02X}", u32::from(letter)),
            _ => write!(out, "{letter}"),
        };
        out
    })
}

/// A mount's sub-path, quoted as JSON, in the quotes of Go.
fn sub_path(line: &str) -> Option<String> {
    let (head, rest) = split_once(line, ",path=\"")?;
    let is_mount = head.contains(" from ") && (head.ends_with("(rw") || head.ends_with("(ro"));
    if rest.is_ascii() || !is_mount {
        return None;
    }
    let end = rest.rfind('"')?;
    let path: String = serde_json::from_str(&format!("\"{}\"", &rest[..end])).ok()?;
    let quoted = path.chars().fold(String::new(), |mut out, letter| {
        let code = u32::from(letter);
        // Behind a letter, `Debug` escapes what is not printable, which is what Go does not print either.
        let is_shown = format!("{:?}", format!("a{letter}")).contains(letter);
        let _ = match letter {
            '"' | '\\' => write!(out, "\\{letter}"),
            _ if is_shown => write!(out, "{letter}"),
            _ if code < 0x80 => write!(out, "{}", letter.escape_default()),
            _ if code < 0x1_0000 => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
        out
    });
    Some(format!("{head},path=\"{quoted}{}", &rest[end..]))
}

/// How a variable that is a field of the pod's metadata is shown, behind its value.
const REFERENCE: &str = " (v1:metadata.";

/// As much of a pod as its variables refer to.
#[derive(Deserialize)]
struct Referred {
    metadata: Value,
}

/// Of a pod's fields, kubectl resolves name and namespace alone in a variable.
fn without_references(text: &str, metadata: &Value) -> String {
    let value = |path: &str| match path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        Some((part @ ("labels" | "annotations"), key)) => metadata[part][key].as_str(),
        Some(_) => None,
        None => (path == "uid").then(|| metadata["uid"].as_str()).flatten(),
    };
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for at in memmem::find_iter(text.as_bytes(), REFERENCE) {
        let path = &text[at + REFERENCE.len()..];
        let value = path.split_once(')').and_then(|(path, _)| value(path)).unwrap_or_default();
        out.push_str(&text[from..at]);
        // The gap before an empty value is the one that its column has. A value may have such words in it, too.
        out.truncate(out.strip_suffix(value).map_or(out.len(), str::len));
        from = at;
    }
    out.push_str(&text[from..]);
    out
}

/// Amounts that are written with leading zeros are printed as they are written.
fn with_zeros(text: &str, object: &Value) -> String {
    let (mut resources, mut part) = (&Value::Null, "");
    let spec = &object["spec"];
    let containers = ["initContainers", "containers", "ephemeralContainers"];
    let find = |name: &str| {
        let all = containers.iter().flat_map(|kind| spec[*kind].as_array().into_iter().flatten());
        all.filter(|container| container["name"] == name).map(|container| &container["resources"]).next()
    };
    by_line(text, |line| {
        let trimmed = line.trim_start_matches(' ');
        match line.len() - trimmed.len() {
            2 => resources = find(trimmed.trim_end_matches(':')).unwrap_or(&Value::Null),
            4 => part = if trimmed == "Limits:" { "limits" } else { "requests" },
            6 => {
                let amount = trimmed.split_once(':').and_then(|(name, shown)| {
                    let written = resources[part][name].as_str()?;
                    let zeros =
                        written.starts_with('0') && written[1..].starts_with(|next: char| next.is_ascii_digit());
                    zeros.then(|| (line.len() - shown.trim_start().len(), written))
                });
                if let Some((from, written)) = amount {
                    return Cow::Owned(format!("{}{written}", &line[..from]));
                }
            }
            _ => {}
        }
        Cow::Borrowed(line)
    })
}

/// The template of a claim within a pod, indented as kubectl does; the capacity of a volume that is
/// named and that nobody has measured is printed as none.
fn claim_templates(text: &str) -> String {
    let (mut inside, mut is_named, mut values) = (false, false, usize::MAX);
    by_line(text, |line| {
        let trimmed = line.trim_start_matches(' ');
        let indent = line.len() - trimmed.len();
        if indent < 4 {
            (inside, is_named, values) = (false, false, usize::MAX);
        } else if trimmed.starts_with("Type:") && trimmed.contains("EphemeralVolume (an inline") {
            inside = true;
        }
        if inside && indent == 4 {
            if let Some(annotations) = trimmed.strip_prefix("Annotations:") {
                values = line.len() - annotations.trim_start().len() + 2;
            }
            is_named |= trimmed.strip_prefix("Volume:").is_some_and(|name| !name.trim().is_empty());
            if is_named && trimmed.trim_end() == "Capacity:" {
                return Cow::Owned(format!("{line}0"));
            }
        }
        if inside && indent == values { Cow::Borrowed(line.get(4..).unwrap_or(line)) } else { Cow::Borrowed(line) }
    })
}

/// `str::split_once`, which makes ready for a long text at each line: these are many, and short.
fn split_once<'a>(line: &'a str, by: &str) -> Option<(&'a str, &'a str)> {
    let at = memmem::find(line.as_bytes(), by.as_bytes())?;
    Some((&line[..at], &line[at + by.len()..]))
}

fn by_line<'a>(text: &'a str, mut change: impl FnMut(&'a str) -> Cow<'a, str>) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        out.push_str(&change(line));
        out.push_str(end);
    }
    out
}

//! Owns the corrections to deskribe 0.2.0, the newest release, where it differs from kubectl 1.37. They change its text,
//! and look at the object where the text is not enough. Each function names the file of deskribe in which it could be
//! fixed instead; it can be deleted with a release that has the fix. `tests/cluster/describe.rs` compares both on a real
//! cluster, and fails without the correction.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use std::{borrow::Cow, fmt::Write as _};

/// Corrects the description of an object of this kind. `object` reads the object's JSON, only if it is needed.
pub(super) fn corrected(kind: &str, text: String, object: impl FnOnce() -> Option<Bytes>) -> String {
    match kind {
        "Node" => without_proxy_version(text),
        "Pod" => pod(text, object),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "ReplicationController" => {
            containers(text, &[])
        }
        _ => text,
    }
}

/// `node.rs`: kubectl no longer prints the version of kube-proxy.
fn without_proxy_version(mut text: String) -> String {
    if let Some(at) = text.find("\n  Kube-Proxy Version:") {
        let end = text[at + 1..].find('\n').map_or(text.len(), |end| at + 1 + end);
        text.replace_range(at..end, "");
    }
    text
}

/// The corrections of pods.
fn pod(mut text: String, object: impl FnOnce() -> Option<Bytes>) -> String {
    let raw = object();
    let raw = raw.as_deref().unwrap_or_default();
    if text.contains(METADATA_REFERENCE)
        && let Ok(PodMetadata { metadata }) = serde_json::from_slice(raw)
    {
        text = without_metadata_values(&text, &metadata);
    }
    let has_leading_zeros = memmem::find_iter(raw, b":\"0").any(|at| raw.get(at + 3).is_some_and(u8::is_ascii_digit));
    if has_leading_zeros && let Ok(object) = serde_json::from_slice::<Value>(raw) {
        text = with_leading_zeros(&text, &object);
    }
    if text.contains("EphemeralVolume (an inline") {
        text = claim_templates(&text);
    }
    containers(text, raw)
}

/// The corrections of containers, in pods and pod templates.
fn containers(text: String, raw: &[u8]) -> String {
    if !text.contains(" http-get ") && !text.contains(",path=\"") {
        return text;
    }
    // kubectl does not escape the path `*`.
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

/// A line about an HTTP probe, split into the texts before its address, the address, and after it.
fn probe(line: &str) -> Option<(&str, &str, &str)> {
    let (head, rest) = split_once(line, " http-get ")?;
    if !["Liveness:", "Readiness:", "Startup:"].contains(&head.trim()) {
        return None;
    }
    let (address, rest) = rest.split_at(rest.find(" delay=")?);
    Some((head, address, rest))
}

/// `containers.rs`: Go escapes these characters in the path of a URL, see
/// <https://pkg.go.dev/net/url#URL.EscapedPath>.
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

/// `containers.rs`: kubectl quotes the sub-path of a mount as Go does; deskribe, as JSON does. `None` if the line has no
/// sub-path, or both are equal.
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
        // After a letter, `Debug` escapes exactly the characters that Go does not print.
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

/// The text after the value of a variable that refers to a field of the pod's metadata.
const METADATA_REFERENCE: &str = " (v1:metadata.";

/// The part of a pod that such variables refer to.
#[derive(Deserialize)]
struct PodMetadata {
    metadata: Value,
}

/// `containers.rs`: of a pod's metadata, kubectl resolves only the name and the namespace in variables.
fn without_metadata_values(text: &str, metadata: &Value) -> String {
    let value = |path: &str| match path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        Some((part @ ("labels" | "annotations"), key)) => metadata[part][key].as_str(),
        Some(_) => None,
        None => (path == "uid").then(|| metadata["uid"].as_str()).flatten(),
    };
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for at in memmem::find_iter(text.as_bytes(), METADATA_REFERENCE) {
        let path = &text[at + METADATA_REFERENCE.len()..];
        let value = path.split_once(')').and_then(|(path, _)| value(path)).unwrap_or_default();
        out.push_str(&text[from..at]);
        // An empty value keeps the blanks of its column. The value itself may contain such a text, and is kept then.
        out.truncate(out.strip_suffix(value).map_or(out.len(), str::len));
        from = at;
    }
    out.push_str(&text[from..]);
    out
}

/// `quantity.rs`: kubectl prints amounts with leading zeros as they are written.
fn with_leading_zeros(text: &str, object: &Value) -> String {
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

/// `volumes.rs`: kubectl indents the annotations of a claim template differently, and prints the capacity 0 for a named
/// volume.
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

/// Like `str::split_once`, but faster for many short lines.
fn split_once<'a>(line: &'a str, by: &str) -> Option<(&'a str, &'a str)> {
    let at = memmem::find(line.as_bytes(), by.as_bytes())?;
    Some((&line[..at], &line[at + by.len()..]))
}

/// The text with each line changed.
fn by_line<'a>(text: &'a str, mut change: impl FnMut(&'a str) -> Cow<'a, str>) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        out.push_str(&change(line));
        out.push_str(end);
    }
    out
}

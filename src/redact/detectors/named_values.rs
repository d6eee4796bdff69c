//! Owns the values of names that say secret, in every notation that text has: `password=x`, `"apiKey":"x"`,
//! `\"client_secret\":\"x\"`, `--token x`, `DB_PASSWORD: x`, `<password>x</password>`.

use super::{
    detection::{Continuation, Detection, Detector, NextLines, OpenSecret, Progress, RuleSet, Secret},
    http_headers::{self as headers, BASIC},
    name_context::{self, AfterName, NameContext, REACH, is_name},
    pem,
    placeholders::looks_random,
    secret_names::{NAMED, NameKind, classify},
    value_rules::{is_status, named_secret},
};
use crate::redact::text::{
    escapes, line_prefix, quotes,
    region::Region,
    value_end::{self, ValueEnd},
};

pub(super) const RULES: RuleSet =
    RuleSet { rules: || vec![&NAMED], detectors: &[Detector { is_of_names: true, ..Detector::new(KEYWORDS, detect) }] };

/// The words of names that may say secret, as far as they go before an ending.
const KEYWORDS: &[&str] =
    &["key", "pass", "pwd", "secret", "token", "cred", "authorization", "cookie", "auth\"", "auth\\"];

/// A name around one of its words, and the operator behind it.
struct Name {
    start: usize,
    kind: NameKind,
    /// The quote behind it, and how often that is escaped.
    quote: Option<(u8, usize)>,
    /// It begins with a dash, as an option does.
    is_option: bool,
    capital: bool,
    /// Where the operator begins, and whether spaces stand before it.
    operator: usize,
    spaced: bool,
}

/// The private key whose marker ends at `at`, or else the value of the name around `at`.
fn detect(region: &Region<'_>, at: usize, progress: &mut Progress) -> Detection {
    if let Some(detection) = pem::marker(region, at) {
        return detection;
    }
    if at < progress.name {
        return Detection::Nothing;
    }
    let tail = AfterName::of(&region.text[..region.end], at);
    let end = tail.as_ref().map_or(at, |tail| tail.end);
    progress.name = end;
    let Some(AfterName { end, quote, operator, spaced }) = tail else { return Detection::Nothing };
    let start = name_start(region, at);
    let is_option = region.byte(start) == Some(b'-');
    let word = region.rest(operator);
    let by_space = !matches!(word.first(), Some(b':' | b'=' | b',' | b'>') | None);
    if by_space && !is_option && !name_context::begins_value(word) {
        return Detection::Nothing;
    }
    let text = region.text[start..end].trim_ascii();
    let kind = kind_of(region, text, start);
    if kind == NameKind::Plain {
        return Detection::Nothing;
    }
    let name = Name {
        start,
        kind,
        quote,
        is_option,
        capital: text.first().is_some_and(u8::is_ascii_uppercase),
        operator,
        spaced,
    };
    match (region.byte(operator), region.byte(operator + 1)) {
        (None, _) => env_name(region, &name),
        (Some(b'='), Some(b'=')) | (Some(b':'), Some(b':')) => Detection::Nothing,
        (Some(b'='), Some(b'>')) | (Some(b':'), Some(b'=')) => assigned(region, &name, operator + 2, true),
        (Some(b'='), _) => assigned(region, &name, operator + 1, true),
        (Some(b':'), _) => assigned(region, &name, operator + 1, false),
        (Some(b','), _) => listed(region, &name),
        (Some(b'>'), _) => element(region, &name),
        _ if name_context::is_encoded_equals(word) => encoded(region, &name),
        _ if is_option => option(region, &name),
        _ => sentence(region, &name),
    }
}

fn name_start(region: &Region<'_>, at: usize) -> usize {
    let lowest = at.saturating_sub(REACH).max(region.floor);
    let reach = region.text[lowest..at].iter().rev().take_while(|byte| is_name(**byte)).count();
    let start = at - reach;
    if region.before(start) != Some(b'\\') {
        return start;
    }
    // The letter of an escape is no part of the name.
    let escape = match &region.text[start..at] {
        [b'u', b'0', b'0', ..] => 5,
        [b'n' | b'r' | b't' | b'b' | b'f', ..] => 1,
        _ => 0,
    };
    (start + escape).min(at)
}

/// `private key`, `api key`: two words in a sentence are one name.
fn kind_of(region: &Region<'_>, text: &[u8], start: usize) -> NameKind {
    if !text.eq_ignore_ascii_case(b"key") || region.before(start) != Some(b' ') {
        return classify(text);
    }
    let head = region.head(start - 1);
    let word = head.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphabetic()).count();
    classify(&[&head[head.len() - word..], b"_key"].concat())
}

/// The value behind `=` or `:`.
fn assigned(region: &Region<'_>, name: &Name, behind: usize, equals: bool) -> Detection {
    let start = region.skip_spaces(behind);
    let spaced = start > behind;
    let Some(first) = region.byte(start) else { return Detection::Nothing };
    let escapes = region.rest(start).iter().take(16).take_while(|byte| **byte == b'\\').count();
    let quote = region.byte(start + escapes).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let context = NameContext::of(region, name.start);
    if let Some(quote) = quote {
        // `token: \"` in a string that ends there is no opening quote.
        if escapes == 0 && name.quote.is_some_and(|(_, escapes)| escapes > 0) {
            return Detection::Nothing;
        }
        let prose = name.quote.is_none() && !equals && context == NameContext::Words;
        return quoted(region, name, start + escapes + 1, quote, escapes, prose);
    }
    if equals && spaced && !name.spaced {
        // `password= x=y`: an empty value.
        return Detection::Nothing;
    }
    if first == b'[' {
        return list(region, name, start + 1);
    }
    if first == b'{' || escapes > 0 && matches!(region.byte(start + escapes), Some(b'n' | b'r' | b't')) {
        return Detection::Nothing;
    }
    match name.kind {
        NameKind::Authorization | NameKind::Cookie => {
            return header(region, name, start, headers::end(region, name.kind, start));
        }
        NameKind::Auth | NameKind::Plain => return Detection::Nothing,
        NameKind::Password | NameKind::Secret | NameKind::Secrets => {}
    }
    if !equals && spaced && context != NameContext::Words && name.quote.is_none() && !context.is_inside() {
        return yaml(region, name, start, context);
    }
    let image = !equals && !spaced && region.before(name.start) == Some(b'/');
    if image {
        return Detection::Nothing;
    }
    let sure = equals
        || name.quote.is_some()
        || context.is_inside()
        || context != NameContext::Words && spaced
        || !spaced && (name.capital || name.kind == NameKind::Password);
    bare(region, name, start, sure)
}

/// A value without quotes. Where the text may as well be a sentence (not `sure`),
/// only what looks like a secret is one.
fn bare(region: &Region<'_>, name: &Name, start: usize, sure: bool) -> Detection {
    let ValueEnd { end, cut } = value_end::bare(region, start);
    if cut {
        return Detection::Open(OpenSecret {
            from: name.start,
            start,
            rule: &NAMED,
            continuation: Continuation::While(value_end::is_bare),
        });
    }
    let mut end = end;
    if !sure {
        end -= region.text[start..end].iter().rev().take_while(|byte| matches!(byte, b'.' | b'!' | b'?')).count();
    }
    let text = &region.text[start..end];
    let sentence = !sure && (text.ends_with(b":") || name.kind != NameKind::Password && !looks_random(text));
    if sentence || is_status(text) {
        return Detection::Nothing;
    }
    secret(name, region, start, end, None)
}

/// A value in quotes that begins at `start`.
fn quoted(region: &Region<'_>, name: &Name, start: usize, quote: u8, escapes: usize, prose: bool) -> Detection {
    let end = match quotes::quoted_end(region, start, quote, escapes) {
        Some(end) => end,
        None if !region.to_tail => {
            return Detection::Open(OpenSecret {
                from: name.start,
                start,
                rule: &NAMED,
                continuation: Continuation::UntilQuote { quote, escapes },
            });
        }
        // Cut off with its line.
        None => region.end - usize::from(region.rest(start).ends_with(b"\r")),
    };
    let text = &region.text[start..end];
    match name.kind {
        NameKind::Authorization | NameKind::Cookie => return header(region, name, start, end),
        NameKind::Auth if !headers::is_user_and_password(text) => return Detection::Nothing,
        NameKind::Auth | NameKind::Plain | NameKind::Password | NameKind::Secret | NameKind::Secrets => {}
    }
    let words = text.contains(&b' ');
    let sentence =
        prose && name.kind != NameKind::Password && words && !text.split(|byte| *byte == b' ').any(looks_random);
    if sentence || name.kind != NameKind::Password && is_status(text) {
        return Detection::Nothing;
    }
    let depth = if quote == b'"' { (escapes + 1).ilog2() as usize + 1 } else { 0 };
    secret(name, region, start, end, escapes::unescape(text, depth))
}

/// Judges the text of a value itself.
fn secret(name: &Name, region: &Region<'_>, start: usize, end: usize, plain: Option<Vec<u8>>) -> Detection {
    let text = &region.text[start..end];
    match named_secret(name.kind, plain.as_deref().unwrap_or(text)) {
        Some(rule) if start < end => Detection::Secret(Secret { from: name.start, start, end, rule, plain }),
        _ => Detection::Nothing,
    }
}

fn header(region: &Region<'_>, name: &Name, start: usize, end: usize) -> Detection {
    if !region.to_tail && end >= region.end {
        return Detection::Open(OpenSecret {
            from: name.start,
            start,
            rule: &BASIC,
            continuation: Continuation::While(|byte| !byte.is_ascii_control()),
        });
    }
    match name.kind {
        NameKind::Cookie => headers::cookie(region, name.start, start, end),
        _ => headers::authorization(region, name.start, start, end),
    }
}

/// A list of values, `[` before `at`.
fn list(region: &Region<'_>, name: &Name, at: usize) -> Detection {
    let mut at = region.skip_spaces(at);
    let escapes = region.rest(at).iter().take(16).take_while(|byte| **byte == b'\\').count();
    let Some(quote) = region.byte(at + escapes).filter(|byte| matches!(byte, b'"' | b'\'')) else {
        return match name.kind {
            NameKind::Authorization | NameKind::Cookie => {
                let end = headers::end(region, name.kind, at);
                let close = memchr::memchr(b']', &region.text[at..end]).map_or(end, |close| at + close);
                header(region, name, at, close)
            }
            _ => bare(region, name, at, true),
        };
    };
    let mut secrets = Vec::new();
    while quotes::is_quote(region, at, quote, escapes) {
        match quoted(region, name, at + escapes + 1, quote, escapes, false) {
            Detection::Secret(secret) => secrets.push(secret),
            Detection::Open(open) if secrets.is_empty() => return Detection::Open(open),
            _ => {}
        }
        let Some(end) = quotes::quoted_end(region, at + escapes + 1, quote, escapes) else { break };
        let comma = region.skip_spaces(end + escapes + 1);
        if region.byte(comma) != Some(b',') || secrets.len() > 64 {
            break;
        }
        at = region.skip_spaces(comma + 1);
    }
    Detection::Secrets(secrets)
}

/// `"--token","x"`, or `"name":"DB_PASSWORD","value":"x"`.
fn listed(region: &Region<'_>, name: &Name) -> Detection {
    let Some((quote, escapes)) = name.quote else { return Detection::Nothing };
    let mut at = region.skip_spaces(name.operator + 1);
    if !name.is_option {
        let open = name.start.saturating_sub(escapes + 1);
        if open <= region.floor || !is_name_field(&region.text[region.floor..open]) {
            return Detection::Nothing;
        }
        let Some((first, last)) = quotes::next_quoted(region, at, quote, escapes) else { return Detection::Nothing };
        if !region.text[first..last].eq_ignore_ascii_case(b"value") || first != at + escapes + 1 {
            return Detection::Nothing;
        }
        let colon = region.skip_spaces(last + escapes + 1);
        if region.byte(colon) != Some(b':') {
            return Detection::Nothing;
        }
        at = region.skip_spaces(colon + 1);
    }
    if !quotes::is_quote(region, at, quote, escapes) || region.byte(at + escapes + 1) == Some(b'-') && name.is_option {
        return Detection::Nothing;
    }
    quoted(region, name, at + escapes + 1, quote, escapes, false)
}

/// Whether `head` ends in a field that says what something is called.
fn is_name_field(head: &[u8]) -> bool {
    let Some(head) = head.trim_ascii_end().strip_suffix(b":") else { return false };
    let head = head.trim_ascii_end();
    let quotes = head.iter().rev().take(16).take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\')).count();
    let head = &head[..head.len() - quotes];
    let name = &head[head.len() - head.iter().rev().take(8).take_while(|byte| byte.is_ascii_alphanumeric()).count()..];
    name.eq_ignore_ascii_case(b"name") || name.eq_ignore_ascii_case(b"key")
}

/// `name: DB_PASSWORD` in YAML, whose value is on the next line.
fn env_name(region: &Region<'_>, name: &Name) -> Detection {
    let quote = name.quote.map_or(0, |(_, escapes)| escapes + 1);
    let head = &region.text[region.floor..name.start.saturating_sub(quote).max(region.floor)];
    let begins = region.from_head
        && head
            .iter()
            .skip(line_prefix::message(head))
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b':'));
    if region.to_tail && begins && is_name_field(head) {
        Detection::Next(NextLines::EnvValue)
    } else {
        Detection::Nothing
    }
}

/// `<password>x</password>`
fn element(region: &Region<'_>, name: &Name) -> Detection {
    let start = name.operator + 1;
    if region.before(name.start) != Some(b'<') {
        return Detection::Nothing;
    }
    let end = region.run(start, |byte| byte != b'<');
    if region.cut_at(end) {
        return Detection::Open(OpenSecret {
            from: name.start,
            start,
            rule: &NAMED,
            continuation: Continuation::While(|byte| byte != b'<'),
        });
    }
    if region.rest(end).starts_with(b"</") { secret(name, region, start, end, None) } else { Detection::Nothing }
}

/// `--token x`
fn option(region: &Region<'_>, name: &Name) -> Detection {
    let start = name.operator;
    if region.byte(start) == Some(b'-') {
        return Detection::Nothing;
    }
    match region.byte(start) {
        Some(quote @ (b'"' | b'\'')) => quoted(region, name, start + 1, quote, 0, false),
        _ => bare(region, name, start, true),
    }
}

/// `password%3Dx`, as in a URL within a URL.
fn encoded(region: &Region<'_>, name: &Name) -> Detection {
    let start = name.operator + b"%3D".len();
    let run = region.run(start, value_end::is_query);
    if region.cut_at(run) {
        return Detection::Open(OpenSecret {
            from: name.start,
            start,
            rule: &NAMED,
            continuation: Continuation::While(value_end::is_query),
        });
    }
    let end = memchr::memmem::find(&region.text[start..run], b"%26").map_or(run, |and| start + and);
    let text = &region.text[start..end];
    let plain = text.contains(&b'%').then(|| escapes::percent_decode(text));
    secret(name, region, start, end, plain)
}

/// `password is x` and `password 'x'`
fn sentence(region: &Region<'_>, name: &Name) -> Detection {
    let start = name.operator;
    match region.byte(start) {
        Some(quote @ (b'"' | b'\'')) if name.kind == NameKind::Password => {
            quoted(region, name, start + 1, quote, 0, false)
        }
        Some(b'i') => {
            let start = region.skip_spaces(start + b"is".len());
            let end = value_end::bare(region, start).end;
            let looks = looks_random(&region.text[start..end]);
            if looks { bare(region, name, start, false) } else { Detection::Nothing }
        }
        _ => Detection::Nothing,
    }
}

/// `name: value` at the start of a line, which is YAML or a header.
fn yaml(region: &Region<'_>, name: &Name, start: usize, context: NameContext) -> Detection {
    let ValueEnd { end, cut } = value_end::plain_scalar(region, start);
    if cut {
        return Detection::Open(OpenSecret {
            from: name.start,
            start,
            rule: &NAMED,
            continuation: Continuation::While(value_end::is_bare),
        });
    }
    let text = &region.text[start..end];
    let is_block =
        matches!(text, [b'|' | b'>', rest @ ..] if rest.iter().all(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9')));
    if is_block {
        let NameContext::LineStart { columns, .. } = context else { return Detection::Nothing };
        return if region.to_tail { Detection::Next(NextLines::YamlBlock(columns)) } else { Detection::Nothing };
    }
    let mut words = text.split(u8::is_ascii_whitespace);
    let first = words.next().unwrap_or_default();
    let several = words.next().is_some();
    let sentence = first.ends_with(b":")
        || is_status(first)
        || several && context.is_logged() && !text.split(u8::is_ascii_whitespace).any(looks_random);
    if sentence {
        return Detection::Nothing;
    }
    secret(name, region, start, end, None)
}

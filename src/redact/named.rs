//! Values of names that say secret, as text has them: `password=x`, `"apiKey":"x"`,
//! `\"client_secret\":\"x\"`, `--token x`, `DB_PASSWORD: x`, `<password>x</password>`.

use super::{
    extent::{self, Extent},
    headers, judge,
    lead::{self, Lead, REACH, Tail, is_name},
    lines,
    names::{self, Class},
    rules::Rule,
    scan::{Found, Memory, Next, Open, Region, Run, Secret},
    value,
};

/// A name around one of its words, and the operator behind it.
struct Name {
    start: usize,
    class: Class,
    /// The quote behind it, and how often that is escaped.
    quote: Option<(u8, usize)>,
    /// It begins with a dash, as an option does.
    is_option: bool,
    capital: bool,
    /// Where the operator begins, and whether spaces stand before it.
    operator: usize,
    spaced: bool,
}

/// The value of the name around `at`.
pub(super) fn find(region: &Region<'_>, at: usize, memory: &mut Memory) -> Found {
    if at < memory.name {
        return Found::Nothing;
    }
    let tail = Tail::of(&region.text[..region.end], at);
    let end = tail.as_ref().map_or(at, |tail| tail.end);
    memory.name = end;
    let Some(Tail { end, quote, operator, spaced }) = tail else { return Found::Nothing };
    let start = name_start(region, at);
    let is_option = region.byte(start) == Some(b'-');
    let word = region.rest(operator);
    let by_space = !matches!(word.first(), Some(b':' | b'=' | b',' | b'>') | None);
    if by_space && !is_option && !lead::begins_value(word) {
        return Found::Nothing;
    }
    let text = region.text[start..end].trim_ascii();
    let class = class_of(region, text, start);
    if class == Class::Plain {
        return Found::Nothing;
    }
    let name = Name {
        start,
        class,
        quote,
        is_option,
        capital: text.first().is_some_and(u8::is_ascii_uppercase),
        operator,
        spaced,
    };
    match (region.byte(operator), region.byte(operator + 1)) {
        (None, _) => env_name(region, &name),
        (Some(b'='), Some(b'=')) | (Some(b':'), Some(b':')) => Found::Nothing,
        (Some(b'='), Some(b'>')) | (Some(b':'), Some(b'=')) => assigned(region, &name, operator + 2, true),
        (Some(b'='), _) => assigned(region, &name, operator + 1, true),
        (Some(b':'), _) => assigned(region, &name, operator + 1, false),
        (Some(b','), _) => listed(region, &name),
        (Some(b'>'), _) => element(region, &name),
        _ if lead::is_encoded_equals(word) => encoded(region, &name),
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
fn class_of(region: &Region<'_>, text: &[u8], start: usize) -> Class {
    if !text.eq_ignore_ascii_case(b"key") || region.before(start) != Some(b' ') {
        return names::classify(text);
    }
    let head = region.head(start - 1);
    let word = head.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphabetic()).count();
    names::classify(&[&head[head.len() - word..], b"_key"].concat())
}

/// The value behind `=` or `:`.
fn assigned(region: &Region<'_>, name: &Name, behind: usize, equals: bool) -> Found {
    let start = value::skip_spaces(region, behind);
    let spaced = start > behind;
    let Some(first) = region.byte(start) else { return Found::Nothing };
    let escapes = region.rest(start).iter().take(16).take_while(|byte| **byte == b'\\').count();
    let quote = region.byte(start + escapes).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let lead = Lead::of(region, name.start);
    if let Some(quote) = quote {
        // `token: \"` in a string that ends there is no opening quote.
        if escapes == 0 && name.quote.is_some_and(|(_, escapes)| escapes > 0) {
            return Found::Nothing;
        }
        let prose = name.quote.is_none() && !equals && lead == Lead::Words;
        return quoted(region, name, start + escapes + 1, quote, escapes, prose);
    }
    if equals && spaced && !name.spaced {
        // `password= x=y`: an empty value.
        return Found::Nothing;
    }
    if first == b'[' {
        return list(region, name, start + 1);
    }
    if first == b'{' || escapes > 0 && matches!(region.byte(start + escapes), Some(b'n' | b'r' | b't')) {
        return Found::Nothing;
    }
    match name.class {
        Class::Authorization | Class::Cookie => {
            return header(region, name, start, headers::end(region, name.class, start));
        }
        Class::Auth | Class::Plain => return Found::Nothing,
        Class::Password | Class::Secret | Class::Secrets => {}
    }
    if !equals && spaced && lead != Lead::Words && name.quote.is_none() && !lead.is_inside() {
        return yaml(region, name, start, lead);
    }
    let image = !equals && !spaced && region.before(name.start) == Some(b'/');
    if image {
        return Found::Nothing;
    }
    let sure = equals
        || name.quote.is_some()
        || lead.is_inside()
        || lead != Lead::Words && spaced
        || !spaced && (name.capital || name.class == Class::Password);
    bare(region, name, start, sure)
}

/// A value without quotes. Where the text may as well be a sentence (not `sure`),
/// only what looks like a secret is one.
fn bare(region: &Region<'_>, name: &Name, start: usize, sure: bool) -> Found {
    let Extent { end, cut } = extent::bare(region, start);
    if cut {
        return Found::Open(Open { from: name.start, start, rule: Rule::Named, run: Run::Class(extent::is_bare) });
    }
    let mut end = end;
    if !sure {
        end -= region.text[start..end].iter().rev().take_while(|byte| matches!(byte, b'.' | b'!' | b'?')).count();
    }
    let text = &region.text[start..end];
    let sentence = !sure && (text.ends_with(b":") || name.class != Class::Password && !value::looks_random(text));
    if sentence || judge::is_status(text) {
        return Found::Nothing;
    }
    secret(name, region, start, end, None)
}

/// A value in quotes that begins at `start`.
fn quoted(region: &Region<'_>, name: &Name, start: usize, quote: u8, escapes: usize, prose: bool) -> Found {
    let end = match value::quoted_end(region, start, quote, escapes) {
        Some(end) => end,
        None if !region.to_tail => {
            return Found::Open(Open {
                from: name.start,
                start,
                rule: Rule::Named,
                run: Run::Quoted { quote, escapes },
            });
        }
        // Cut off with its line.
        None => region.end - usize::from(region.rest(start).ends_with(b"\r")),
    };
    let text = &region.text[start..end];
    match name.class {
        Class::Authorization | Class::Cookie => return header(region, name, start, end),
        Class::Auth if !headers::is_user_and_password(text) => return Found::Nothing,
        Class::Auth | Class::Plain | Class::Password | Class::Secret | Class::Secrets => {}
    }
    let words = text.contains(&b' ');
    let sentence =
        prose && name.class != Class::Password && words && !text.split(|byte| *byte == b' ').any(value::looks_random);
    if sentence || name.class != Class::Password && judge::is_status(text) {
        return Found::Nothing;
    }
    let depth = if quote == b'"' { (escapes + 1).ilog2() as usize + 1 } else { 0 };
    secret(name, region, start, end, value::unescape(text, depth))
}

/// Judges the text of a value itself.
fn secret(name: &Name, region: &Region<'_>, start: usize, end: usize, plain: Option<Vec<u8>>) -> Found {
    let text = &region.text[start..end];
    match judge::named_secret(name.class, plain.as_deref().unwrap_or(text)) {
        Some(rule) if start < end => Found::Secret(Secret { from: name.start, start, end, rule, plain }),
        _ => Found::Nothing,
    }
}

fn header(region: &Region<'_>, name: &Name, start: usize, end: usize) -> Found {
    if !region.to_tail && end >= region.end {
        return Found::Open(Open {
            from: name.start,
            start,
            rule: Rule::Basic,
            run: Run::Class(|byte| !byte.is_ascii_control()),
        });
    }
    match name.class {
        Class::Cookie => headers::cookie(region, name.start, start, end),
        _ => headers::authorization(region, name.start, start, end),
    }
}

/// A list of values, `[` before `at`.
fn list(region: &Region<'_>, name: &Name, at: usize) -> Found {
    let mut at = value::skip_spaces(region, at);
    let escapes = region.rest(at).iter().take(16).take_while(|byte| **byte == b'\\').count();
    let Some(quote) = region.byte(at + escapes).filter(|byte| matches!(byte, b'"' | b'\'')) else {
        return match name.class {
            Class::Authorization | Class::Cookie => {
                let end = headers::end(region, name.class, at);
                let close = memchr::memchr(b']', &region.text[at..end]).map_or(end, |close| at + close);
                header(region, name, at, close)
            }
            _ => bare(region, name, at, true),
        };
    };
    let mut secrets = Vec::new();
    while value::is_quote(region, at, quote, escapes) {
        match quoted(region, name, at + escapes + 1, quote, escapes, false) {
            Found::Secret(secret) => secrets.push(secret),
            Found::Open(open) if secrets.is_empty() => return Found::Open(open),
            _ => {}
        }
        let Some(end) = value::quoted_end(region, at + escapes + 1, quote, escapes) else { break };
        let comma = value::skip_spaces(region, end + escapes + 1);
        if region.byte(comma) != Some(b',') || secrets.len() > 64 {
            break;
        }
        at = value::skip_spaces(region, comma + 1);
    }
    Found::Secrets(secrets)
}

/// `"--token","x"`, or `"name":"DB_PASSWORD","value":"x"`.
fn listed(region: &Region<'_>, name: &Name) -> Found {
    let Some((quote, escapes)) = name.quote else { return Found::Nothing };
    let mut at = value::skip_spaces(region, name.operator + 1);
    if !name.is_option {
        let open = name.start.saturating_sub(escapes + 1);
        if open <= region.floor || !is_name_field(&region.text[region.floor..open]) {
            return Found::Nothing;
        }
        let Some((first, last)) = value::next_quoted(region, at, quote, escapes) else { return Found::Nothing };
        if !region.text[first..last].eq_ignore_ascii_case(b"value") || first != at + escapes + 1 {
            return Found::Nothing;
        }
        let colon = value::skip_spaces(region, last + escapes + 1);
        if region.byte(colon) != Some(b':') {
            return Found::Nothing;
        }
        at = value::skip_spaces(region, colon + 1);
    }
    if !value::is_quote(region, at, quote, escapes) || region.byte(at + escapes + 1) == Some(b'-') && name.is_option {
        return Found::Nothing;
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
fn env_name(region: &Region<'_>, name: &Name) -> Found {
    let quote = name.quote.map_or(0, |(_, escapes)| escapes + 1);
    let head = &region.text[region.floor..name.start.saturating_sub(quote).max(region.floor)];
    let begins = region.from_head
        && head
            .iter()
            .skip(lines::message(head))
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b':'));
    if region.to_tail && begins && is_name_field(head) { Found::Next(Next::EnvValue) } else { Found::Nothing }
}

/// `<password>x</password>`
fn element(region: &Region<'_>, name: &Name) -> Found {
    let start = name.operator + 1;
    if region.before(name.start) != Some(b'<') {
        return Found::Nothing;
    }
    let end = region.run(start, |byte| byte != b'<');
    if region.cut_at(end) {
        return Found::Open(Open { from: name.start, start, rule: Rule::Named, run: Run::Class(|byte| byte != b'<') });
    }
    if region.rest(end).starts_with(b"</") { secret(name, region, start, end, None) } else { Found::Nothing }
}

/// `--token x`
fn option(region: &Region<'_>, name: &Name) -> Found {
    let start = name.operator;
    if region.byte(start) == Some(b'-') {
        return Found::Nothing;
    }
    match region.byte(start) {
        Some(quote @ (b'"' | b'\'')) => quoted(region, name, start + 1, quote, 0, false),
        _ => bare(region, name, start, true),
    }
}

/// `password%3Dx`, as in a URL within a URL.
fn encoded(region: &Region<'_>, name: &Name) -> Found {
    let start = name.operator + b"%3D".len();
    let run = region.run(start, extent::is_query);
    if region.cut_at(run) {
        return Found::Open(Open { from: name.start, start, rule: Rule::Named, run: Run::Class(extent::is_query) });
    }
    let end = memchr::memmem::find(&region.text[start..run], b"%26").map_or(run, |and| start + and);
    let text = &region.text[start..end];
    let plain = text.contains(&b'%').then(|| value::percent_decode(text));
    secret(name, region, start, end, plain)
}

/// `password is x` and `password 'x'`
fn sentence(region: &Region<'_>, name: &Name) -> Found {
    let start = name.operator;
    match region.byte(start) {
        Some(quote @ (b'"' | b'\'')) if name.class == Class::Password => {
            quoted(region, name, start + 1, quote, 0, false)
        }
        Some(b'i') => {
            let start = value::skip_spaces(region, start + b"is".len());
            let end = extent::bare(region, start).end;
            let looks = value::looks_random(&region.text[start..end]);
            if looks { bare(region, name, start, false) } else { Found::Nothing }
        }
        _ => Found::Nothing,
    }
}

/// `name: value` at the start of a line, which is YAML or a header.
fn yaml(region: &Region<'_>, name: &Name, start: usize, lead: Lead) -> Found {
    let Extent { end, cut } = extent::plain_scalar(region, start);
    if cut {
        return Found::Open(Open { from: name.start, start, rule: Rule::Named, run: Run::Class(extent::is_bare) });
    }
    let text = &region.text[start..end];
    let is_block =
        matches!(text, [b'|' | b'>', rest @ ..] if rest.iter().all(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9')));
    if is_block {
        let Lead::Indent { columns, .. } = lead else { return Found::Nothing };
        return if region.to_tail { Found::Next(Next::Block(columns)) } else { Found::Nothing };
    }
    let mut words = text.split(u8::is_ascii_whitespace);
    let first = words.next().unwrap_or_default();
    let several = words.next().is_some();
    let sentence = first.ends_with(b":")
        || judge::is_status(first)
        || several && lead.is_logged() && !text.split(u8::is_ascii_whitespace).any(value::looks_random);
    if sentence {
        return Found::Nothing;
    }
    secret(name, region, start, end, None)
}

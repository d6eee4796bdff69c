//! Owns tokens that vendors give a prefix, so that they are recognised wherever they stand. What they look like is in
//! `table`.

mod format;
mod table;

use self::format::{Format, Keyword, Vendor};
use super::detection::{Continuation, Detection, Detector, OpenSecret, Progress, RuleSet, Secret};
use crate::redact::{
    rule::{Rule, token_length},
    text::region::Region,
};

pub(crate) use self::format::CASE_SENSITIVE;

/// Nothing but its form marks a bootstrap token, so only the value of a secret's name can be one.
static BOOTSTRAP: Rule = Rule {
    id: "bootstrap-token",
    replaces: "a Kubernetes bootstrap token",
    is_of_objects: false,
    matches: &["kubeadm join 10.0.0.1:6443 --token «{lower*6}.{lower*16}»"],
    keeps: &["see abcdef.0123456789abcdef there"],
};

pub(super) const RULES: RuleSet = RuleSet {
    rules: || vendors().map(|vendor| &vendor.rule).chain([&BOOTSTRAP]).collect(),
    detectors: &[Detector::computed(keywords, detect)],
};

fn vendors() -> impl Iterator<Item = &'static Vendor> {
    table::VENDORS.iter()
}

/// Every format with its rule.
fn formats() -> impl Iterator<Item = (&'static Rule, &'static Format)> {
    vendors().flat_map(|vendor| vendor.formats.iter().map(|format| (&vendor.rule, format)))
}

fn keywords() -> Vec<String> {
    let mut keywords: Vec<String> = Vec::new();
    for (_, format) in formats() {
        let keyword = match format.keyword {
            Keyword::Prefix => format.prefix.to_lowercase(),
            Keyword::Shared(keyword) => keyword.to_owned(),
            Keyword::CaseSensitive => continue,
        };
        if !keywords.contains(&keyword) {
            keywords.push(keyword);
        }
    }
    keywords
}

/// The vendor's token that begins at `at`.
pub(crate) fn detect(region: &Region<'_>, at: usize, _: &mut Progress) -> Detection {
    if !region.begins_word(at) {
        return Detection::Nothing;
    }
    let rest = region.rest(at);
    let Some((rule, format)) = formats().find(|(_, format)| rest.starts_with(format.prefix.as_bytes())) else {
        return Detection::Nothing;
    };
    let body = at + format.prefix.len();
    let end = region.run(body, format.body);
    if region.cut_at(end) {
        let continuation = Continuation::While(format.body);
        return Detection::Open(OpenSecret { from: at, start: at, rule, continuation });
    }
    let end = trim_dots(region.text, body, end);
    let is_exact = format.longest != usize::MAX;
    if is_exact && token_length(region.rest(end)).is_some()
        || !format.fits(end - body)
        || !(format.is_valid)(&region.text[body..end])
    {
        return Detection::Nothing;
    }
    Detection::Secret(Secret { from: at, start: at, end, rule, plain: None })
}

/// The rule of which `value`, the value of a secret's name, is a token as a whole.
pub(super) fn whole(value: &[u8]) -> Option<&'static Rule> {
    if is_bootstrap_token(value) {
        return Some(&BOOTSTRAP);
    }
    let (rule, format) = formats().find(|(_, format)| value.starts_with(format.prefix.as_bytes()))?;
    let body = &value[format.prefix.len()..];
    (format.fits(body.len()) && body.iter().all(|byte| (format.body)(*byte))).then_some(rule)
}

fn is_bootstrap_token(value: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    value.len() == 23 && value[6] == b'.' && value[..6].iter().all(part) && value[7..].iter().all(part)
}

/// Where a token ends: a full stop behind it belongs to the sentence.
fn trim_dots(text: &[u8], start: usize, end: usize) -> usize {
    let dots = text[start..end].iter().rev().take_while(|byte| **byte == b'.').count();
    end - dots
}

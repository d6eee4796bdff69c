//! Tokens that vendors give a prefix, so that they are known wherever they stand.

use super::{
    rules::{Rule, token_length},
    scan::{Found, Open, Region, Run, Secret},
};

struct Shape {
    prefix: &'static [u8],
    class: fn(u8) -> bool,
    /// How many bytes of the class follow the prefix, at least and at most.
    length: (usize, usize),
    rule: Rule,
}

const ANY: usize = usize::MAX;

const fn shape(prefix: &'static [u8], class: fn(u8) -> bool, length: (usize, usize), rule: Rule) -> Shape {
    Shape { prefix, class, length, rule }
}

const SHAPES: &[Shape] = &[
    shape(b"ghp_", word, (20, ANY), Rule::GitHub),
    shape(b"gho_", word, (20, ANY), Rule::GitHub),
    shape(b"ghu_", word, (20, ANY), Rule::GitHub),
    shape(b"ghs_", word, (20, ANY), Rule::GitHub),
    shape(b"ghr_", word, (20, ANY), Rule::GitHub),
    shape(b"github_pat_", word, (20, ANY), Rule::GitHub),
    shape(b"glpat-", dotted, (16, ANY), Rule::GitLab),
    shape(b"gldt-", dotted, (16, ANY), Rule::GitLab),
    shape(b"glrt-", dotted, (16, ANY), Rule::GitLab),
    shape(b"glptt-", dotted, (16, ANY), Rule::GitLab),
    shape(b"xoxa-", dashed, (10, ANY), Rule::Slack),
    shape(b"xoxb-", dashed, (10, ANY), Rule::Slack),
    shape(b"xoxc-", dashed, (10, ANY), Rule::Slack),
    shape(b"xoxd-", slack_cookie, (10, ANY), Rule::Slack),
    shape(b"xoxe-", dashed, (10, ANY), Rule::Slack),
    shape(b"xoxe.", dotted, (10, ANY), Rule::Slack),
    shape(b"xoxo-", dashed, (10, ANY), Rule::Slack),
    shape(b"xoxp-", dashed, (10, ANY), Rule::Slack),
    shape(b"xoxr-", dashed, (10, ANY), Rule::Slack),
    shape(b"xoxs-", dashed, (10, ANY), Rule::Slack),
    shape(b"xapp-", dashed, (10, ANY), Rule::Slack),
    shape(b"hooks.slack.com/services/", path, (16, ANY), Rule::Slack),
    shape(b"AIza", dashed, (30, ANY), Rule::Google),
    shape(b"ya29.", dashed, (20, ANY), Rule::Google),
    shape(b"sk_live_", alphanumeric, (10, ANY), Rule::Stripe),
    shape(b"sk_test_", alphanumeric, (10, ANY), Rule::Stripe),
    shape(b"rk_live_", alphanumeric, (10, ANY), Rule::Stripe),
    shape(b"rk_test_", alphanumeric, (10, ANY), Rule::Stripe),
    shape(b"npm_", alphanumeric, (30, ANY), Rule::Npm),
    shape(b"pypi-AgEI", dashed, (20, ANY), Rule::PyPi),
    shape(b"pypi-AgEN", dashed, (20, ANY), Rule::PyPi),
    shape(b"hvs.", dashed, (20, ANY), Rule::Vault),
    shape(b"hvb.", dashed, (20, ANY), Rule::Vault),
    shape(b"hvr.", dashed, (20, ANY), Rule::Vault),
    shape(b"do_v1_", lower_hex, (32, ANY), Rule::DigitalOcean),
    shape(b"dop_v1_", lower_hex, (32, ANY), Rule::DigitalOcean),
    shape(b"doo_v1_", lower_hex, (32, ANY), Rule::DigitalOcean),
    shape(b"dor_v1_", lower_hex, (32, ANY), Rule::DigitalOcean),
    shape(b"SG.", dotted, (32, ANY), Rule::SendGrid),
    shape(b"AKIA", upper, (16, 16), Rule::Aws),
    shape(b"ASIA", upper, (16, 16), Rule::Aws),
    shape(b"SK", lower_hex, (32, 32), Rule::Twilio),
    shape(b"AGE-SECRET-KEY-1", upper, (40, ANY), Rule::Age),
    shape(b"AGE-SECRET-KEY-PQ-1", upper, (40, ANY), Rule::Age),
];

/// A vendor's token that begins at `at`.
pub(super) fn find(region: &Region<'_>, at: usize) -> Found {
    if !begins_word(region, at) {
        return Found::Nothing;
    }
    let rest = region.rest(at);
    let Some(shape) = SHAPES.iter().find(|shape| rest.starts_with(shape.prefix)) else {
        return Found::Nothing;
    };
    let body = at + shape.prefix.len();
    let end = region.run(body, shape.class);
    if region.cut_at(end) {
        return Found::Open(Open { from: at, start: at, rule: shape.rule, run: Run::Class(shape.class) });
    }
    let end = trim_dots(region.text, body, end);
    let exact = shape.length.1 != ANY;
    if exact && token_length(region.rest(end)).is_some()
        || !fits(shape, end - body)
        || shape.rule == Rule::SendGrid && !region.text[body..end].contains(&b'.')
    {
        return Found::Nothing;
    }
    Found::Secret(Secret { from: at, start: at, end, rule: shape.rule, plain: None })
}

/// The rule of the vendor's token that `value` is as a whole.
pub(super) fn whole(value: &[u8]) -> Option<Rule> {
    let shape = SHAPES.iter().find(|shape| value.starts_with(shape.prefix))?;
    let body = &value[shape.prefix.len()..];
    (fits(shape, body.len()) && body.iter().all(|byte| (shape.class)(*byte))).then_some(shape.rule)
}

/// Whether `value` is a Kubernetes bootstrap token. Nothing but its shape marks
/// one, so only values of names that say secret are asked.
pub(super) fn is_bootstrap_token(value: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    value.len() == 23 && value[6] == b'.' && value[..6].iter().all(part) && value[7..].iter().all(part)
}

fn fits(shape: &Shape, length: usize) -> bool {
    (shape.length.0..=shape.length.1).contains(&length)
}

/// Whether no letter or digit stands before `at`; the letter of an escape such
/// as `\n` does not count.
pub(super) fn begins_word(region: &Region<'_>, at: usize) -> bool {
    match region.before(at) {
        Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' => {
            region.before(at - 1) == Some(b'\\') || region.head(at).ends_with(b"\\u0026") || is_percent(region.head(at))
        }
        _ => true,
    }
}

/// Whether `head` ends in a percent-encoded byte.
fn is_percent(head: &[u8]) -> bool {
    matches!(head, [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// A full stop behind a token belongs to the sentence.
fn trim_dots(text: &[u8], start: usize, end: usize) -> usize {
    let dots = text[start..end].iter().rev().take_while(|byte| **byte == b'.').count();
    end - dots
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    dashed(byte) || byte == b'.'
}

fn path(byte: u8) -> bool {
    word(byte) || byte == b'/'
}

fn slack_cookie(byte: u8) -> bool {
    dashed(byte) || matches!(byte, b'%' | b'+' | b'/')
}

fn lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

//! Whether the value of a name that says secret is one.

use super::{names::Class, rules::Rule, shapes, value};

/// Words that say what became of a secret, where the secret itself would stand.
const STATUS: &[&[u8]] = &[
    b"incorrect",
    b"invalid",
    b"expired",
    b"failed",
    b"failure",
    b"missing",
    b"required",
    b"wrong",
    b"empty",
    b"mismatch",
    b"unauthorized",
    b"unauthenticated",
    b"denied",
    b"not",
    b"is",
    b"was",
    b"are",
    b"must",
    b"cannot",
    b"can",
    b"could",
    b"unable",
    b"rpc",
    b"error",
    b"open",
    b"read",
    b"context",
    b"dial",
    b"eof",
    b"unknown",
    b"permission",
    b"unexpected",
    b"too",
    b"does",
    b"has",
    b"should",
    b"for",
    b"the",
    b"a",
    b"an",
    b"in",
    b"from",
    b"please",
    b"enter",
    b"set",
    b"unset",
    b"changed",
    b"reset",
    b"rotated",
    b"ok",
    b"success",
    b"unchanged",
    b"configured",
    b"disabled",
    b"enabled",
    b"updated",
    b"provided",
    b"connection",
    b"timeout",
    b"valid",
    b"verified",
    b"rejected",
    b"revoked",
    b"and",
    b"or",
    b"to",
    b"of",
    b"with",
    b"if",
    b"when",
    b"flag",
    b"option",
    b"value",
    b"values",
    b"name",
    b"names",
    b"used",
    b"using",
    b"new",
    b"old",
    b"get",
    b"post",
    b"x509",
    b"oauth2",
    b"exit",
    b"signature",
    b"malformed",
    b"authentication",
    b"optional",
    b"default",
    b"env",
    b"file",
    b"absent",
    b"present",
    b"ready",
    b"pending",
    b"string",
    b"latest",
];

/// Whether `text` only says what became of a secret.
pub(super) fn is_status(text: &[u8]) -> bool {
    let word = text.trim_ascii_end();
    let word = &word[..word.len() - word.iter().rev().take_while(|byte| matches!(byte, b':' | b'.' | b',')).count()];
    STATUS.iter().any(|status| word.eq_ignore_ascii_case(status))
}

/// The rule by which `text`, the value of a name of this class, is a secret.
pub(super) fn named_secret(class: Class, text: &[u8]) -> Option<Rule> {
    let digits = text.iter().all(u8::is_ascii_digit);
    if text.is_empty() || class == Class::Plain || value::has_own_rule(text) {
        return None;
    }
    // People do choose numbers as passwords.
    let pin = class == Class::Password && digits && text.len() >= 4;
    if !pin && value::is_placeholder(text) || class == Class::Secrets && value::is_resource_name(text) {
        return None;
    }
    let rule = if shapes::is_bootstrap_token(text) { Some(Rule::Bootstrap) } else { shapes::whole(text) };
    Some(rule.unwrap_or(Rule::Named))
}

/// The same for a value that stands alone, as in an object.
pub(super) fn object_secret(class: Class, text: &[u8]) -> Option<Rule> {
    let status = class != Class::Password && is_status(text);
    if status { None } else { named_secret(class, text) }
}

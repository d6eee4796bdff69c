//! Owns whether the value of a secret's name is a secret, and by which rule.

use super::{
    jws,
    key_text::is_base64_key,
    placeholders::{is_placeholder, is_resource_name, words},
    secret_names::{NAMED, NameKind},
    vendor_tokens,
};
use crate::redact::{rule::Rule, text::base64};

/// Words that say what happened to a secret, in the place of the secret itself.
const STATUS: &[&[u8]] = words![
    incorrect invalid expired failed failure missing required wrong empty mismatch unauthorized unauthenticated
    denied not is was are must cannot can could unable rpc error open read context dial eof unknown permission
    unexpected too does has should for the a an in from please enter set unset changed reset rotated ok success
    unchanged configured disabled enabled updated provided connection timeout valid verified rejected revoked and or
    to of with if when flag option value values name names used using new old get post x509 oauth2 exit signature
    malformed authentication optional default env file absent present ready pending string latest
];

/// Whether `text` only says what happened to a secret.
pub(super) fn is_status(text: &[u8]) -> bool {
    let word = text.trim_ascii_end();
    let word = &word[..word.len() - word.iter().rev().take_while(|byte| matches!(byte, b':' | b'.' | b',')).count()];
    STATUS.iter().any(|status| word.eq_ignore_ascii_case(status))
}

/// The rule by which `text`, the value of a name of this kind, is a secret.
pub(crate) fn named_secret(kind: NameKind, text: &[u8]) -> Option<&'static Rule> {
    let digits = text.iter().all(u8::is_ascii_digit);
    if text.is_empty() || kind == NameKind::Plain || has_own_rule(text) {
        return None;
    }
    // People do choose numbers as passwords.
    let pin = kind == NameKind::Password && digits && text.len() >= 4;
    if !pin && is_placeholder(text) || kind == NameKind::Secrets && is_resource_name(text) {
        return None;
    }
    Some(vendor_tokens::whole(text).unwrap_or(&NAMED))
}

/// The same for a value that stands alone, as in an object.
pub(crate) fn object_secret(kind: NameKind, text: &[u8]) -> Option<&'static Rule> {
    let status = kind != NameKind::Password && is_status(text);
    if status { None } else { named_secret(kind, text) }
}

/// Whether other rules know better what of `value` to replace: of a JWS the
/// signature, of a PEM the private keys.
fn has_own_rule(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let value = match memchr::memchr(b' ', &value[..value.len().min(8)]) {
        Some(space) if value[..space].eq_ignore_ascii_case(b"bearer") => &value[space + 1..],
        _ => value,
    };
    value.starts_with(b"-----BEGIN") || jws::is_compact(value) || is_public_armour(value) || is_base64_key(value)
}

/// Whether `value` is base64 of a PEM that is no private key.
fn is_public_armour(value: &[u8]) -> bool {
    if !value.starts_with(b"LS0tLS1CRUdJTi") {
        return false;
    }
    let plain = base64::decode(value);
    memchr::memmem::find(&plain, b"PRIVATE KEY").is_none()
}

//! Owns which values are no secret, whatever they are called: placeholders, numbers, paths, references. To add one, add
//! it to a list here.

use crate::redact::rule::holds_token;

/// A list of words, as bytes.
macro_rules! words {
    ($($word:tt)*) => { &[$(stringify!($word).as_bytes()),*] };
}
pub(super) use words;

/// What paths begin with. Not a slash alone: base64 can begin with one, too.
const ROOTS: &[&[u8]] = &[
    b"/var/",
    b"/etc/",
    b"/run/",
    b"/tmp/",
    b"/opt/",
    b"/home/",
    b"/usr/",
    b"/mnt/",
    b"/srv/",
    b"/app/",
    b"/root/",
    b"/secrets/",
    b"/vault/",
    b"/certs/",
    b"/tls/",
    b"/config/",
    b"/keys/",
    b"/workspace/",
    b"/data/",
    b"./",
    b"../",
    b"~/",
    b"file://",
    b"/proc/",
    b"/dev/",
    b"/spirl",
];

/// What the names of secrets, keys and identities begin with. They are not secret themselves.
const REFERENCES: &[&[u8]] = &[
    b"arn:",
    b"spiffe://",
    b"awskms:",
    b"gcpkms:",
    b"azurekms:",
    b"hashivault:",
    b"sha256:",
    b"SHA256:",
    b"sha512:",
    b"projects/",
    b"urn:ietf:",
    b"system:serviceaccount:",
    b"alias/",
    b"ks_",
    b"sak-",
    b"<set to ",
];

/// Text that stands in place of a secret, if there is none or it was removed.
const PLACEHOLDERS: &[&[u8]] = &[
    b"null",
    b"nil",
    b"none",
    b"undefined",
    b"true",
    b"false",
    b"yes",
    b"no",
    b"on",
    b"off",
    b"<none>",
    b"<nil>",
    b"<unset>",
    b"<unknown>",
    b"<empty>",
    b"<redacted>",
    b"<hidden>",
    b"<masked>",
    b"<removed>",
    b"<secret>",
    b"<no value>",
    b"<invalid>",
    b"[redacted]",
    b"[hidden]",
    b"[masked]",
    b"(redacted)",
    b"redacted",
    b"[filtered]",
    b"--- redacted ---",
    b"bearer",
    b"basic",
    b"n/a",
];

/// Whether `value` is no secret, whatever its name says.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    is_masked(value)
        || PLACEHOLDERS.iter().any(|known| value.eq_ignore_ascii_case(known))
        || is_number(value)
        || is_variable(value)
        || REFERENCES.iter().any(|known| value.starts_with(known))
        || is_path(value)
        || holds_token(value)
}

/// Whether `value` has only characters that secrets are masked with.
fn is_masked(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    let same = value.iter().all(|byte| byte == first);
    let is_letter = first.is_ascii_alphabetic();
    same && (!is_letter || value.len() > 2) && matches!(first, b'*' | b'x' | b'X' | b'.' | b'-' | b'#' | b'_')
        || value == "…".as_bytes()
        || value.iter().all(u8::is_ascii_punctuation) && value.len() < 4
}

/// Whether `value` is a number, with a unit or without.
fn is_number(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'%')).count();
    digits > 0
        && matches!(
            &value[digits..],
            b"" | b"ns" | b"us" | b"ms" | b"s" | b"m" | b"h" | b"d" | b"B" | b"Ki" | b"Mi" | b"Gi"
        )
}

/// Whether `value` looks like the name of a Kubernetes object: small letters, digits and dashes, with at least one part
/// that is a word and not hex digits.
pub(super) fn is_resource_name(value: &[u8]) -> bool {
    let is_word =
        |part: &[u8]| part.len() > 2 && part.iter().all(u8::is_ascii_lowercase) && part.iter().any(|byte| *byte > b'f');
    let is_label = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    value.contains(&b'-') && value.iter().all(is_label) && value.split(|byte| *byte == b'-').any(is_word)
}

/// Whether `value` only names the variable that holds the secret.
fn is_variable(value: &[u8]) -> bool {
    let name = |name: &[u8]| {
        !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b' ' | b'$'))
    };
    match value {
        [b'$', b'(', ..] => true,
        [b'$', b'{', inner @ .., b'}'] | [b'{', b'{', inner @ .., b'}', b'}'] => name(inner),
        [b'%', inner @ .., b'%'] => name(inner),
        [b'$', first, rest @ ..] => {
            (first.is_ascii_uppercase() || *first == b'_')
                && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        }
        _ => false,
    }
}

/// Whether `value` is the path of a file.
fn is_path(value: &[u8]) -> bool {
    ROOTS.iter().any(|root| value.starts_with(root))
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b':' | b'~' | b'*'))
}

/// Whether `word` looks like a secret that a machine made, and not like what people write.
pub(super) fn looks_random(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = word.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let upper = word.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
    let lower = word.iter().filter(|byte| byte.is_ascii_lowercase()).count();
    word.len() >= 6 && digits > 0 && letters > 0
        || word.len() >= 12 && upper > 1 && lower > 1
        || word.len() >= 24 && letters + digits > 16 && !word.contains(&b'/')
}

//! Values: where they end, and which of them are no secret whatever their name.

use super::{base64, jose, pem, rules::holds_token, scan::Region};

/// Directories that paths begin with; base64 can begin with a slash too.
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

/// References to a secret that tell nothing of it.
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

/// What stands where there is no secret, or where one has been taken out.
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

/// Whether other rules know better what of `value` to replace: of a JWS the
/// signature, of a PEM the private keys.
pub(super) fn has_own_rule(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let value = match memchr::memchr(b' ', &value[..value.len().min(8)]) {
        Some(space) if value[..space].eq_ignore_ascii_case(b"bearer") => &value[space + 1..],
        _ => value,
    };
    value.starts_with(b"-----BEGIN") || jose::is_compact(value) || is_public_armour(value) || pem::is_base64_key(value)
}

/// Whether `value` is base64 of a PEM that is no private key.
fn is_public_armour(value: &[u8]) -> bool {
    if !value.starts_with(b"LS0tLS1CRUdJTi") {
        return false;
    }
    let plain = base64::decode(value);
    memchr::memmem::find(&plain, b"PRIVATE KEY").is_none()
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
pub(super) fn is_number(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'%')).count();
    digits > 0
        && matches!(
            &value[digits..],
            b"" | b"ns" | b"us" | b"ms" | b"s" | b"m" | b"h" | b"d" | b"B" | b"Ki" | b"Mi" | b"Gi"
        )
}

/// Whether `value` is what Kubernetes calls an object: small letters, digits and
/// dashes, one part at least a word and not hex digits.
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

fn is_path(value: &[u8]) -> bool {
    ROOTS.iter().any(|root| value.starts_with(root))
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b':' | b'~' | b'*'))
}

/// Whether `word` looks as machines make secrets, and not as people write.
pub(super) fn looks_random(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = word.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let upper = word.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
    let lower = word.iter().filter(|byte| byte.is_ascii_lowercase()).count();
    word.len() >= 6 && digits > 0 && letters > 0
        || word.len() >= 12 && upper > 1 && lower > 1
        || word.len() >= 24 && letters + digits > 16 && !word.contains(&b'/')
}

/// `value` with its percent-encoding taken off.
pub(super) fn percent_decode(value: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        match (value[at], digit(value.get(at + 1)), digit(value.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

/// `value`, written `depth` times as a JSON string within another, as it was meant.
/// None where it is written as it was meant.
pub(super) fn unescape(value: &[u8], depth: usize) -> Option<Vec<u8>> {
    if !value.contains(&b'\\') {
        return None;
    }
    let mut plain = value.to_vec();
    for _ in 0..depth {
        let quoted = [b"\"", plain.as_slice(), b"\""].concat();
        plain = serde_json::from_slice::<String>(&quoted).ok()?.into_bytes();
    }
    Some(plain)
}

/// How many backslashes stand right before `at`.
pub(super) fn backslashes_before(text: &[u8], at: usize, floor: usize) -> usize {
    text[floor..at].iter().rev().take(16).take_while(|byte| **byte == b'\\').count()
}

/// Whether `quote`, escaped `escapes` times, begins at `at`.
pub(super) fn is_quote(region: &Region<'_>, at: usize, quote: u8, escapes: usize) -> bool {
    let rest = region.rest(at);
    rest.len() > escapes && rest[..escapes].iter().all(|byte| *byte == b'\\') && rest[escapes] == quote
}

/// Whether a quote behind `seen` backslashes ends a value whose quotes are behind
/// `escapes` of them. Each level of JSON within JSON doubles the backslashes and
/// adds one for the quote; fewer than that end what encloses the value.
pub(super) fn ends_quoted(seen: usize, escapes: usize) -> bool {
    seen < escapes || seen % (2 * (escapes + 1)) == escapes
}

/// The next quoted text at `at` or later, without its quotes.
pub(super) fn next_quoted(region: &Region<'_>, at: usize, quote: u8, escapes: usize) -> Option<(usize, usize)> {
    let start = at + memchr::memchr(quote, region.rest(at))? + 1;
    let end = quoted_end(region, start, quote, escapes)?;
    Some((start, end))
}

/// Where the value ends that begins at `start`, behind a quote that is escaped
/// `escapes` times.
pub(super) fn quoted_end(region: &Region<'_>, start: usize, quote: u8, escapes: usize) -> Option<usize> {
    let rest = region.rest(start);
    memchr::memchr_iter(quote, rest).find_map(|at| {
        let seen = rest[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        ends_quoted(seen, escapes).then(|| start + at - seen.min(escapes))
    })
}

/// The first byte at `at` or later that is no space.
pub(super) fn skip_spaces(region: &Region<'_>, at: usize) -> usize {
    let spaces = region.rest(at).iter().take(64).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    at + spaces
}

//! Owns which names say that their value is a secret.
//!
//! A name is cut into words (snake, kebab, dotted and camel case alike) and judged by its last ones: `client_secret`
//! says so, `secret_name` does not. To add a name, add its last word to [`classify`] or to one of the lists here.

use super::placeholders::words;
use crate::redact::rule::Rule;

pub(crate) static NAMED: Rule = Rule {
    id: "named-secret",
    replaces: "the value of a name that suggests a secret: password, client_secret, apiKey, --token, …",
    is_of_objects: false,
    matches: &[
        "login failed, password=«halibut» host=db",
        r#"{"apiKey":"«halibut»","x":1}"#,
        r#"{\"client_secret\":\"«halibut»\"}"#,
        "run --db-password «halibut» --verbose",
        "DB_PASSWORD: «halibut» # the old one",
        "<password>«halibut»</password>",
        r#"{"name":"DB_PASSWORD","value":"«halibut»"}"#,
    ],
    keeps: &[
        r#"{"token_type":"Bearer","key_id":"{word*24}","secretName":"db"}"#,
        r#"secret "db" not found"#,
        "password=${PASSWORD} token=<none> secret=true api_key=12",
        "status_code: auth_failed",
    ],
};

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    /// Nothing.
    Plain,
    /// A secret that people choose: any word may be one.
    Password,
    /// A secret that machines make.
    Secret,
    /// Several of those, or what they are called.
    Secrets,
    /// An Authorization header.
    Authorization,
    /// A Cookie or Set-Cookie header.
    Cookie,
    /// The bare `auth` of a registry's configuration.
    Auth,
}

impl NameKind {
    /// Whether the whole value is the secret.
    pub(crate) fn is_value(self) -> bool {
        matches!(self, Self::Password | Self::Secret | Self::Secrets)
    }
}

/// Names of more bytes than this are judged by their end.
const LONGEST: usize = 64;

/// Last words that only say how the secret is written down.
const FORMS: &[&[u8]] = words![
    value val data string str text txt raw plain plaintext pem der b base encoded hex bytes json jwt content contents
    hash old new current previous prev primary secondary literal pkcs
];

/// What makes a `key` a secret one.
const KEYS: &[&[u8]] = words![
    api private priv secret access auth session signing sign encryption encrypt decryption master shared preshared
    account storage client ssh hmac aes rsa unseal root recovery license wrapping join bootstrap deploy webhook
    subscription consumer admin tls ssl jwt cookie crypto cipher app application symmetric registration service ca
    svid kek dek integration
];

/// Words before `token` that make it a bookmark or a number.
const BOOKMARKS: &[&[u8]] = words![
    page continue continuation pagination cancel cancellation next sync max min num total number count resume
];

/// Endings that say secret even where no case or separator sets them apart.
const GLUED: &[&[u8]] = words![
    password passwd passphrase apikey apikeys secretkey accesskey privatekey signingkey sessionkey authkey masterkey
    encryptionkey accountkey sharedkey
];

/// Whether a word with these first two letters may be one of [`FORMS`], or end a
/// word such as `passphrase` or `credentials`; a second letter of 0 is none.
pub(crate) fn may_be_form(first: u8, second: u8) -> bool {
    const STARTS: &[[u8; 2]] = &[
        *b"va", *b"da", *b"de", *b"st", *b"se", *b"te", *b"tx", *b"ra", *b"pl", *b"pe", *b"pr", *b"pk", *b"ba", *b"by",
        *b"en", *b"he", *b"ha", *b"js", *b"jw", *b"co", *b"cu", *b"ol", *b"ne", *b"li", *b"wo", *b"wd", *b"ph",
    ];
    // A lone letter: the `b` of `b64`, or an `s` of many.
    !second.is_ascii_lowercase() || STARTS.contains(&[first, second])
}

/// What `name` says about its value.
pub(crate) fn classify(name: &[u8]) -> NameKind {
    let mut room = [0; LONGEST * 2];
    let words = normalise(name, &mut room);
    let mut from_last = words.rsplit(|byte| *byte == b'_').filter(|word| !word.is_empty()).peekable();
    let Some(mut last) = from_last.next() else { return NameKind::Plain };
    let mut stripped = false;
    while FORMS.contains(&last) {
        let Some(next) = from_last.next() else { return NameKind::Plain };
        last = next;
        stripped = true;
    }
    let before = from_last.peek().copied();
    match last {
        b"authorization" if !stripped => return NameKind::Authorization,
        b"cookie" | b"cookies" if !stripped => return NameKind::Cookie,
        b"auth" if !stripped && before.is_none() => return NameKind::Auth,
        b"pass" => return if before.is_some() { NameKind::Password } else { NameKind::Secret },
        b"pwd" | b"passcode" | b"passwords" => return NameKind::Password,
        b"secrets" => return NameKind::Secrets,
        b"secret" | b"credential" | b"credentials" | b"cred" | b"creds" | b"bearer" => {
            return NameKind::Secret;
        }
        b"token" | b"tokens" => {
            let bookmark = before.is_some_and(|word| BOOKMARKS.contains(&word));
            return match last {
                _ if bookmark => NameKind::Plain,
                b"tokens" => NameKind::Secrets,
                _ => NameKind::Secret,
            };
        }
        b"key" | b"keys" if before.is_some_and(|word| KEYS.contains(&word)) => return NameKind::Secret,
        _ => {}
    }
    glued(last, name)
}

fn glued(last: &[u8], name: &[u8]) -> NameKind {
    if [&b"password"[..], b"passwd", b"passphrase", b"pwd"].iter().any(|end| last.ends_with(end)) {
        return NameKind::Password;
    }
    if [&b"secret"[..], b"token", b"credentials"].iter().any(|end| last.ends_with(end)) {
        return NameKind::Secret;
    }
    // `APIkey` and its like: the case tells the words apart in the wrong place.
    let mut squeezed = [0; LONGEST];
    let mut length = 0;
    for byte in name[name.len().saturating_sub(LONGEST)..].iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        squeezed[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    match GLUED.iter().position(|end| squeezed[..length].ends_with(end)) {
        Some(0..3) => NameKind::Password,
        Some(_) => NameKind::Secret,
        None => NameKind::Plain,
    }
}

/// The words of `name` in lower case with `_` between them, digits left out.
fn normalise<'a>(name: &[u8], room: &'a mut [u8; LONGEST * 2]) -> &'a [u8] {
    let name = &name[name.len().saturating_sub(LONGEST)..];
    let mut length = 0;
    for (at, byte) in name.iter().enumerate() {
        let before = at.checked_sub(1).map_or(b'_', |before| name[before]);
        let after = name.get(at + 1).copied().unwrap_or(b'_');
        let starts_word = byte.is_ascii_uppercase()
            && (!before.is_ascii_uppercase() || after.is_ascii_lowercase() && !is_plural(name, at));
        if starts_word || !byte.is_ascii_alphabetic() {
            room[length] = b'_';
            length += 1;
        }
        if byte.is_ascii_alphabetic() {
            room[length] = byte.to_ascii_lowercase();
            length += 1;
        }
    }
    &room[..length]
}

/// Whether the lower-case letter after `at` is only the `s` of `APIKEYs`.
fn is_plural(name: &[u8], at: usize) -> bool {
    name.get(at + 1) == Some(&b's') && !name.get(at + 2).is_some_and(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_secret() {
        for name in [
            "client_secret",
            "apiKey",
            "api-key",
            "APIKey",
            "APIkey",
            "db-password",
            "DB_PASSWORD",
            "DB_PASS",
            "passwd",
            "pwd",
            "secret",
            "token",
            "api_key",
            "apikey",
            "private_key",
            "privateKeyPem",
            "credential",
            "credentials",
            "passphrase",
            "auth_key",
            "access-key",
            "session_key",
            "signingKey",
            "client-key-data",
            "X-Vault-Token",
            "password2",
            "AWS_SECRET_ACCESS_KEY",
            "secret_key_base",
            "tokenBase64",
            "authtoken",
            "spring.datasource.password",
        ] {
            assert!(classify(name.as_bytes()).is_value(), "{name}");
        }
        assert_eq!(classify(b"Proxy-Authorization"), NameKind::Authorization);
        assert_eq!(classify(b"Set-Cookie"), NameKind::Cookie);
        assert_eq!(classify(b"auth"), NameKind::Auth);
    }

    #[test]
    fn every_form_may_be_one() {
        assert!(FORMS.iter().all(|form| may_be_form(form[0], form.get(1).copied().unwrap_or(0))));
    }

    #[test]
    fn names_that_only_look_so() {
        for name in [
            "key",
            "key_id",
            "keyId",
            "kid",
            "token_type",
            "tokenExpirationSeconds",
            "key_alias",
            "public_key",
            "invalid_public_key",
            "secret_name",
            "secretName",
            "secretKeyRef",
            "token_count",
            "expires",
            "ttl",
            "keyManager",
            "jwtKeyCache",
            "status_code",
            "automount",
            "imagePullPolicy",
            "next_page_token",
            "max_tokens",
            "private_key_id",
            "token_uri",
            "keystore",
            "monkey",
            "tokenReviews",
            "authority",
            "auth_failed",
            "passed",
            "",
        ] {
            assert_eq!(classify(name.as_bytes()), NameKind::Plain, "{name}");
        }
    }
}

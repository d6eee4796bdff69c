//! The rules by name, and the grammar of the token that each of them writes.
//!
//! A token is `<rule:hex>`: an id of lower-case letters, digits and dashes, a
//! colon, and twenty lower-case hex digits. Every rule knows a token when it
//! meets one and leaves it, whatever key made it.

/// Hex digits of a token: 80 bits.
pub(super) const DIGITS: usize = 20;

/// The longest id of a rule, here or in bundles of other versions.
const LONGEST_ID: usize = 32;

/// The longest token.
pub(super) const LONGEST_TOKEN: usize = LONGEST_ID + DIGITS + 3;

/// One rule, as the manifest and the documentation show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// What stands in the token, before the colon.
    pub id: &'static str,
    /// What the rule replaces.
    pub replaces: &'static str,
}

macro_rules! rules {
    ($($name:ident $id:literal $replaces:literal;)*) => {
        /// Which rule replaced something.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Rule { $($name),* }

        impl Rule {
            pub(super) fn id(self) -> &'static str {
                match self { $(Self::$name => $id),* }
            }
        }

        const RULES: &[RuleInfo] = &[$(RuleInfo { id: $id, replaces: $replaces }),*];
    };
}

rules! {
    Jws "jws-signature" "the signature of a JWT or another compact JWS (JWT-SVID, WIT-SVID, service account token); its header and claims stay readable";
    Jwe "jwe" "everything after the header of a compact JWE";
    PrivateKey "private-key" "a private key: PEM over one or many lines, PEM or PKCS#8, PKCS#1 or SEC 1 DER in base64";
    Jwk "jwk" "a private member of a JSON Web Key (d, p, q, dp, dq, qi, k)";
    Bearer "bearer" "the credential after `Bearer`";
    Basic "basic-auth" "the credential after `Basic`, `Digest` or another scheme of an Authorization header";
    Cookie "cookie" "the value of a Cookie or Set-Cookie header";
    UrlPassword "url-password" "the password in scheme://user:password@host";
    UrlSignature "url-signature" "the signature of a presigned URL (Azure SAS, AWS, Google)";
    Named "named-secret" "the value of a name that says secret: password, client_secret, apiKey, --token, …";
    Data "secret-data" "a value of a Secret's data or stringData";
    Binary "binary-data" "a value of binaryData";
    LastApplied "last-applied" "the annotation kubectl.kubernetes.io/last-applied-configuration";
    Bootstrap "bootstrap-token" "a Kubernetes bootstrap token";
    Aws "aws-access-key" "an AWS access key id";
    GitHub "github-token" "a GitHub token (ghp_, gho_, ghu_, ghs_, ghr_, github_pat_)";
    GitLab "gitlab-token" "a GitLab token (glpat- and its kin)";
    Slack "slack-token" "a Slack token or webhook";
    Google "google-key" "a Google API key (AIza) or OAuth access token (ya29.)";
    Stripe "stripe-key" "a Stripe key (sk_live_, rk_live_, sk_test_, rk_test_)";
    Npm "npm-token" "an npm token";
    PyPi "pypi-token" "a PyPI token";
    Vault "vault-token" "a HashiCorp Vault token (hvs., hvb., hvr.)";
    DigitalOcean "digitalocean-token" "a DigitalOcean token (dop_v1_, doo_v1_, dor_v1_)";
    SendGrid "sendgrid-key" "a SendGrid key";
    Twilio "twilio-key" "a Twilio API key";
    Age "age-identity" "an age secret key";
}

/// Every rule, for the manifest and docs/SECURITY.md.
pub fn rules() -> &'static [RuleInfo] {
    RULES
}

/// The length of the token that `text` starts with.
pub(super) fn token_length(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'<') {
        return None;
    }
    let id =
        text[1..].iter().take(LONGEST_ID + 1).position(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))?;
    let digits = id + 2;
    let end = digits + DIGITS;
    let whole = id > 0
        && text.get(id + 1) == Some(&b':')
        && text.get(end) == Some(&b'>')
        && text[digits..end].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    whole.then_some(end + 1)
}

/// Whether there is a token anywhere in `text`.
pub(super) fn holds_token(text: &[u8]) -> bool {
    memchr::memchr_iter(b'<', text).any(|at| token_length(&text[at..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_fits_the_grammar() {
        for rule in rules() {
            let token = format!("<{}:{}>", rule.id, "0a".repeat(DIGITS / 2));
            assert_eq!(token_length(token.as_bytes()), Some(token.len()), "{}", rule.id);
            assert!(token.len() <= LONGEST_TOKEN);
        }
    }
}

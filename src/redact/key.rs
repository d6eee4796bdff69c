//! Owns the key of a run, which turns a secret into a token that reveals nothing about it.

use super::rule::{DIGITS, Rule};
use crate::text::hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Key files of fewer bytes are refused: the key could be guessed from a token.
const SHORTEST: usize = 16;

/// The text whose digest under a key is the key's fingerprint.
const FINGERPRINT: &[u8] = b"kubectl-escalate redaction key fingerprint v1";

/// The secret that tokens are made with. It is random for each run, or read from a file so that the tokens in several
/// bundles compare. It never goes into a bundle.
#[derive(Clone)]
pub struct Key {
    mac: Hmac<Sha256>,
}

impl Key {
    /// A key for this run only.
    ///
    /// # Panics
    ///
    /// When the operating system has no random bytes, without which nothing can be collected safely.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self::new(&bytes)
    }

    /// The key in `content`, the bytes of a key file. Newlines at its end do not count.
    ///
    /// # Errors
    /// When it has fewer than 16 bytes.
    pub fn from_bytes(content: &[u8]) -> Result<Self, KeyError> {
        let mut bytes = content;
        while let [rest @ .., b'\n' | b'\r'] = bytes {
            bytes = rest;
        }
        if bytes.len() < SHORTEST {
            return Err(KeyError { found: bytes.len() });
        }
        Ok(Self::new(bytes))
    }

    fn new(bytes: &[u8]) -> Self {
        let mac = Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length");
        Self { mac }
    }

    /// A public fingerprint of 16 hex digits. Two bundles with the same one share a key, so their tokens compare.
    pub fn id(&self) -> String {
        let mut mac = self.mac.clone();
        mac.update(FINGERPRINT);
        hex(&mac.finalize().into_bytes()[..8])
    }

    /// The token for `secret`. The rule is only its label: the same secret has the same hex digits wherever it is
    /// found.
    pub(super) fn token(&self, rule: &Rule, secret: &[u8]) -> String {
        let mut mac = self.digest();
        mac.update(secret);
        mac.token(rule)
    }

    /// For secrets too long to be held at once.
    pub(super) fn digest(&self) -> Digest {
        Digest(self.mac.clone())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// A secret that is read piece by piece, until its token is made.
#[derive(Clone)]
pub(super) struct Digest(Hmac<Sha256>);

impl Digest {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(super) fn token(self, rule: &Rule) -> String {
        let digits = hex(&self.0.finalize().into_bytes()[..DIGITS / 2]);
        format!("<{}:{digits}>", rule.id)
    }
}

/// A key file that is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the redaction key has {found} bytes and needs at least {SHORTEST}; \
     `openssl rand -hex 32 > FILE` makes a good one"
)]
pub struct KeyError {
    /// How many bytes the file has, newlines at its end not counted.
    pub found: usize,
}

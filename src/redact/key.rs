//! The key of a run: what turns a secret into a token that tells nothing about it.

use super::rules::Rule;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Shorter key files are refused: a token of a short key could be guessed.
const SHORTEST: usize = 16;

/// What the public fingerprint of a key is made of.
const FINGERPRINT: &[u8] = b"kubectl-escalate redaction key fingerprint v1";

/// The secret that tokens are made with; random per run, or read from a file so
/// that the bundles of one case compare. It never goes into a bundle.
#[derive(Clone)]
pub struct Key {
    mac: Hmac<Sha256>,
}

impl Key {
    /// A key for this run only.
    ///
    /// # Panics
    ///
    /// When the operating system has no random bytes to give: without them
    /// nothing may be collected.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self::new(&bytes)
    }

    /// The key that `content`, the bytes of a key file, holds. Newlines at its
    /// end do not count.
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

    /// A short public fingerprint: two bundles with the same one share a key,
    /// so their tokens compare.
    pub fn id(&self) -> String {
        let mut mac = self.mac.clone();
        mac.update(FINGERPRINT);
        hex(&mac.finalize().into_bytes(), 8)
    }

    /// The token that stands for `secret`. The rule is only its label: the same
    /// secret has the same hex digits wherever it is found.
    pub(super) fn token(&self, rule: Rule, secret: &[u8]) -> String {
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

/// A secret on its way to a token, piece by piece.
#[derive(Clone)]
pub(super) struct Digest(Hmac<Sha256>);

impl Digest {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(super) fn token(self, rule: Rule) -> String {
        let digits = hex(&self.0.finalize().into_bytes(), super::rules::DIGITS / 2);
        format!("<{}:{digits}>", rule.id())
    }
}

fn hex(bytes: &[u8], length: usize) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .take(length)
        .flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// A key file that holds too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the redaction key has {found} bytes and needs at least {SHORTEST}; \
     `openssl rand -hex 32 > FILE` makes a good one"
)]
pub struct KeyError {
    /// How many bytes it holds, newlines at its end not counted.
    pub found: usize,
}

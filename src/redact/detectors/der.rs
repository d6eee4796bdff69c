//! Owns as much of ASN.1 as distinguishes a private key from a certificate, a request or a public key by its first
//! bytes.

/// Bytes of a structure that are enough to judge it.
pub(super) const ENOUGH: usize = 48;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;

/// PKCS#5 and PKCS#12 encryption schemes, as the first bytes of their ids.
const ENCRYPTION: [&[u8]; 2] =
    [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c]];

/// The whole length of the private key that `der` begins with: PKCS#8, also
/// encrypted, PKCS#1, DSA or SEC 1.
pub(super) fn private_key(der: &[u8]) -> Option<usize> {
    let (tag, content, length) = header(der)?;
    // The smallest key there is, Ed25519 in PKCS#8, has 48 bytes.
    if tag != SEQUENCE || length < 32 {
        return None;
    }
    let whole = der.len().saturating_sub(content.len()) + length;
    let is_key = match header(content)? {
        (INTEGER, version, 1) => matches!(version.first()?, 0 | 1) && follows_version(&version[1..])?,
        (SEQUENCE, scheme, _) => {
            let (tag, id, _) = header(scheme)?;
            tag == OBJECT && ENCRYPTION.iter().any(|scheme| id.starts_with(scheme))
        }
        _ => false,
    };
    is_key.then_some(whole)
}

/// What a private key has after its version: an algorithm (PKCS#8), a long
/// number (PKCS#1, DSA) or the key itself (SEC 1).
fn follows_version(rest: &[u8]) -> Option<bool> {
    Some(match header(rest)? {
        (SEQUENCE, algorithm, _) => header(algorithm)?.0 == OBJECT,
        (INTEGER, _, length) => length >= 32,
        (OCTETS, _, length) => length >= 16,
        _ => false,
    })
}

/// Tag, what follows the header, and the length the header states.
fn header(der: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (tag, first) = (*der.first()?, *der.get(1)?);
    let (digits, length) = match first {
        0..=0x7f => (0, usize::from(first)),
        0x81 => (1, usize::from(*der.get(2)?)),
        0x82 => (2, usize::from(*der.get(2)?) << 8 | usize::from(*der.get(3)?)),
        _ => return None,
    };
    Some((tag, &der[2 + digits..], length))
}

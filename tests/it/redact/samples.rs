//! Secrets for tests, made when a test runs: a file that held them would be
//! reported by every scanner that reads this repository.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes without a pattern, the same for the same seed.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// Letters and digits without a pattern.
pub(super) fn word(seed: u64, length: usize) -> String {
    noise(seed, length).into_iter().map(|byte| char::from(DIGITS[usize::from(byte) % 62])).collect()
}

/// Lower-case hex digits.
pub(super) fn hex(seed: u64, length: usize) -> String {
    noise(seed, length).into_iter().map(|byte| char::from(b"0123456789abcdef"[usize::from(byte) % 16])).collect()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut bits = [0_u8; 3];
        bits[..group.len()].copy_from_slice(group);
        let bits = u32::from(bits[0]) << 16 | u32::from(bits[1]) << 8 | u32::from(bits[2]);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            out.push(if at <= group.len() { char::from(DIGITS[(bits >> shift & 63) as usize]) } else { '=' });
        }
    }
    out
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// The three parts of a JWS.
pub(super) fn jws_parts() -> [String; 3] {
    let header = base64url(br#"{"alg":"ES256","kid":"key-1","typ":"JWT"}"#);
    let claims = base64url(br#"{"aud":["x"],"exp":1764183280,"sub":"spiffe://example.org/web"}"#);
    [header, claims, base64url(&noise(7, 64))]
}

pub(super) fn jws() -> String {
    jws_parts().join(".")
}

pub(super) fn jwe() -> String {
    let header = base64url(br#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
    let parts = [(1, 256), (2, 12), (3, 80), (4, 16)].map(|(seed, length)| base64url(&noise(seed, length)));
    format!("{header}.{}", parts.join("."))
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length @ 0x80..=0xff => out.extend([0x81, length as u8]),
        length => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend_from_slice(content);
    out
}

const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const EC: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];
const PBES2: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0d];

/// An RSA key in PKCS#1.
pub(super) fn pkcs1(bytes: usize) -> Vec<u8> {
    let number = |seed, length| tagged(2, &[&[0x71], noise(seed, length - 1).as_slice()].concat());
    let half = bytes / 2;
    let numbers = [
        tagged(2, &[0]),
        number(1, bytes),
        tagged(2, &[1, 0, 1]),
        number(2, bytes),
        number(3, half),
        number(4, half),
        number(5, half),
    ];
    tagged(0x30, &numbers.concat())
}

fn pkcs8(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    tagged(0x30, &[tagged(2, &[0]), tagged(0x30, algorithm), tagged(4, key)].concat())
}

/// An EC key of P-256 in SEC 1.
pub(super) fn sec1() -> Vec<u8> {
    let public = tagged(0xa1, &tagged(3, &noise(6, 66)));
    tagged(0x30, &[tagged(2, &[1]), tagged(4, &noise(8, 32)), public].concat())
}

/// A private key in every binary form, with the label its PEM has.
pub(super) fn private_keys() -> Vec<(&'static str, Vec<u8>)> {
    let encrypted = tagged(
        0x30,
        &[tagged(0x30, &[PBES2, &tagged(0x30, &noise(9, 60))].concat()), tagged(4, &noise(10, 1232))].concat(),
    );
    vec![
        ("RSA PRIVATE KEY", pkcs1(256)),
        ("PRIVATE KEY", pkcs8(RSA, &pkcs1(256))),
        ("PRIVATE KEY", pkcs8(RSA, &pkcs1(512))),
        ("PRIVATE KEY", pkcs8(EC, &sec1())),
        ("PRIVATE KEY", pkcs8(ED25519, &tagged(4, &noise(11, 32)))),
        ("EC PRIVATE KEY", sec1()),
        ("ENCRYPTED PRIVATE KEY", encrypted),
    ]
}

/// PEM, its lines 64 digits long.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let digits = base64(der);
    let lines: Vec<_> = digits.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A PKCS#8 key of P-256.
pub(super) fn private_pem() -> String {
    pem("PRIVATE KEY", &pkcs8(EC, &sec1()))
}

/// The parts of a PEM that only the key's owner may see.
pub(super) fn bodies(pem: &str) -> Vec<&str> {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// A self-signed certificate of P-256.
pub(super) const CERTIFICATE: &str = include_str!("certificate.pem");

/// A certificate signing request of P-256.
pub(super) const REQUEST: &str = include_str!("request.pem");

/// The public key of both.
pub(super) const PUBLIC_KEY: &str = include_str!("public-key.pem");

/// The digits of a PEM on one line: base64 DER.
pub(super) fn der_digits(pem: &str) -> String {
    bodies(pem).concat()
}

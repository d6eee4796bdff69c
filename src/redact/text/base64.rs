//! Owns base64 as it occurs in logs: either alphabet, padded or not, cut short.

/// Whether `byte` belongs to the standard alphabet, padding apart.
pub(crate) fn is_standard(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Whether `byte` belongs to the URL-safe alphabet, padding apart.
pub(crate) fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Whether `byte` belongs to either alphabet, padding included.
pub(crate) fn is_any(byte: u8) -> bool {
    is_standard(byte) || is_url_safe(byte) || byte == b'='
}

fn value(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

/// The bytes that `text` stands for, up to the first byte that is no base64.
pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in text.iter().map_while(|byte| value(*byte)) {
        held = (held << 6 | digit) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    out
}

/// The base64 digits that `text` always shows as, when `shift` bytes stand
/// before it in its group of three; the digits it shares with its neighbours
/// are left off.
pub(crate) fn inner_digits(text: &[u8], shift: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut padded = vec![0; shift];
    padded.extend_from_slice(text);
    let digits = padded.chunks_exact(3).flat_map(|group| {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        [18, 12, 6, 0].map(|at| DIGITS[(bits >> at & 63) as usize])
    });
    let shared = (shift * 8).div_ceil(6);
    digits.skip(shared).collect()
}

//! Owns how a value is read that is written in another text: percent-encoding, and strings of JSON within JSON.

/// `value` without its percent-encoding.
pub(crate) fn percent_decode(value: &[u8]) -> Vec<u8> {
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

/// The value that `value` stands for, which is a JSON string inside of `depth - 1` others. None when it has no escapes.
pub(crate) fn unescape(value: &[u8], depth: usize) -> Option<Vec<u8>> {
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

/// How many backslashes stand right before `at`, looking back no further than `floor`.
pub(crate) fn backslashes_before(text: &[u8], at: usize, floor: usize) -> usize {
    text[floor..at].iter().rev().take(16).take_while(|byte| **byte == b'\\').count()
}

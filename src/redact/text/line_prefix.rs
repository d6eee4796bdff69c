//! Owns the prefix of a log line: the timestamp of the kubelet, and the fields of the CRI format.

/// Where the message of a log line begins, behind the kubelet's timestamp and the
/// fields of the CRI format.
pub(crate) fn message(line: &[u8]) -> usize {
    let end = timestamp(line);
    if end == 0 {
        return 0;
    }
    for field in [&b"stdout F "[..], b"stderr F ", b"stdout P ", b"stderr P "] {
        if line[end..].starts_with(field) {
            return end + field.len();
        }
    }
    end
}

/// The length of the RFC 3339 timestamp, and the space behind it, that `line`
/// begins with.
fn timestamp(line: &[u8]) -> usize {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let has_shape = line.len() > SHAPE.len()
        && SHAPE
            .iter()
            .zip(line)
            .all(|(shape, byte)| if *shape == b'0' { byte.is_ascii_digit() } else { shape == byte });
    if !has_shape {
        return 0;
    }
    let zone = line[SHAPE.len()..].iter().take(20).position(|byte| matches!(byte, b' ' | b'\t'));
    let is_zone =
        |zone: &[u8]| zone.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'Z' | b'+' | b'-' | b':'));
    match zone {
        Some(end) if is_zone(&line[SHAPE.len()..SHAPE.len() + end]) => SHAPE.len() + end + 1,
        _ => 0,
    }
}

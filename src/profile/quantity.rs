//! Kubernetes' quantities: `250m`, `256Mi`.

/// The endings, those of two letters first.
const ENDINGS: [(&str, f64); 12] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("", 1.0),
];

/// A quantity as a number: cores, bytes. None for what is no quantity above 0.
#[must_use]
pub fn quantity(text: &str) -> Option<f64> {
    let (number, times) = ENDINGS.iter().find_map(|(end, times)| Some((text.strip_suffix(end)?, times)))?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value = number.parse::<f64>().ok().filter(|_| is_plain)? * times;
    (value > 0.0 && value.is_finite()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::quantity;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, value) in
            [("250m", 0.25), ("1", 1.0), ("0.5", 0.5), ("256Mi", 268_435_456.0), ("1G", 1e9), ("30k", 3e4)]
        {
            assert_eq!(quantity(text), Some(value), "{text}");
        }
        for text in ["", "m", "-1", "1 Gi", "1e3", "inf", "NaN", "0", "1MiB"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }
}

//! Owns the parsing of Kubernetes' quantities: `250m`, `512Mi`, `1e3`.
//!
//! The grammar is that of
//! <https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/api/resource/quantity.go>.

/// The number that a quantity stands for; `None` if the text is no quantity.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, times) =
        unit.and_then(|(unit, times)| Some((text.strip_suffix(unit)?, *times))).unwrap_or((text, 1.0));
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number: f64 = number.parse().ok().filter(|_| is_number)?;
    // 0.001 has no exact binary form, so a division is more precise than a multiplication.
    let value = if times < 1.0 { number / (1.0 / times).round() } else { number * times };
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quantities_are_read() {
        let cases = [
            ("0", Some(0.0)),
            ("250m", Some(0.25)),
            ("1", Some(1.0)),
            ("1.5", Some(1.5)),
            ("512Mi", Some(536_870_912.0)),
            ("128974848", Some(128_974_848.0)),
            ("129e6", Some(129e6)),
            ("1E3", Some(1000.0)),
            ("2E", Some(2e18)),
            ("100k", Some(100_000.0)),
            ("7341n", Some(7.341e-6)),
            ("-1", Some(-1.0)),
            ("", None),
            ("m", None),
            ("inf", None),
            ("NaN", None),
            ("1 Mi", None),
            ("1mm", None),
            ("512mi", None),
            ("1e999", None),
        ];
        for (text, value) in cases {
            assert_eq!(parse(text), value, "{text:?}");
        }
    }
}

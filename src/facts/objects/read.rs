//! Owns reading values of an object: whatever is not what it should be is nothing, and no text is long.

use crate::bundle::facts::Condition;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// Longest text that is taken over, in bytes; of a longer one, its beginning.
pub(super) const LONGEST: usize = 1 << 10;
/// Most conditions of an object.
const MOST_CONDITIONS: usize = 16;

/// The text, cut where it is long; empty where there is none.
pub(super) fn text(value: &Value) -> String {
    cut(value.as_str().unwrap_or_default())
}

/// A text, cut where it is long.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{}…", &text[..end])
}

/// A number that counts something, 0 where there is none.
pub(super) fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A moment.
pub(super) fn time(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|at| at.with_timezone(&Utc))
}

/// The items of a list.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// When an object was asked to go, if it was: its deletion is set to when the grace that it is given has passed.
pub(super) fn deleted(metadata: &Value) -> Option<DateTime<Utc>> {
    let grace = TimeDelta::try_seconds(metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or_default())?;
    time(&metadata["deletionTimestamp"])?.checked_sub_signed(grace)
}

/// The conditions of an object.
pub(super) fn conditions(object: &Value) -> Vec<Condition> {
    let condition = |held: &Value| Condition {
        kind: text(&held["type"]),
        status: text(&held["status"]),
        reason: text(&held["reason"]),
        message: text(&held["message"]),
        since: time(&held["lastTransitionTime"]),
    };
    items(&object["status"]["conditions"]).take(MOST_CONDITIONS).map(condition).collect()
}

/// A quantity such as `250m`, `512Mi` or `1e3`, in units of one:
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.
pub(super) fn quantity(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return number.as_f64(),
        value => value.as_str()?.trim(),
    };
    if let Ok(plain) = text.parse::<f64>() {
        return Some(plain).filter(|plain| plain.is_finite());
    }
    let (number, unit) = text.split_at(text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).len());
    let factor = match unit {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor).filter(|all| all.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        let mebi = 1024.0 * 1024.0;
        for (text, wanted) in [
            ("250m", 0.25),
            ("2", 2.0),
            ("1.5", 1.5),
            ("512Mi", 512.0 * mebi),
            ("128974848", 128_974_848.0),
            ("129e6", 129e6),
            ("129M", 129e6),
            ("1E", 1e18),
            ("1Gi", 1024.0 * mebi),
            ("100n", 1e-7),
        ] {
            let read = quantity(&json!(text)).expect(text);
            assert!((read - wanted).abs() <= wanted * 1e-12, "{text}: {read}");
        }
        assert_eq!(quantity(&json!(2)), Some(2.0));
        for text in ["", "Mi", "1Qi", "inf", "NaN", "1.2.3m", "½"] {
            assert_eq!(quantity(&json!(text)), None, "{text}");
        }
        assert_eq!(quantity(&json!(["1"])), None);
    }

    #[test]
    fn an_object_was_asked_to_go_its_grace_before_it_goes() {
        let at = |grace: Value| {
            deleted(&json!({ "deletionTimestamp": "2026-11-22T15:00:30Z", "deletionGracePeriodSeconds": grace }))
        };
        assert_eq!(at(json!(30)), time(&json!("2026-11-22T15:00:00Z")));
        assert_eq!(at(Value::Null), time(&json!("2026-11-22T15:00:30Z")));
        assert_eq!((at(json!(i64::MAX)), deleted(&json!({}))), (None, None));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ä".repeat(LONGEST);
        let held = text(&json!(long));
        assert!(held.len() <= LONGEST + '…'.len_utf8() && held.ends_with("ä…"), "{}", held.len());
        assert_eq!(text(&json!(7)), "");
    }
}

//! Owns the reading of an object's values: a value of another type counts as missing, and long texts are cut.

use crate::bundle::facts::Condition;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// Most bytes of a text; a longer one is cut.
pub(super) const LONGEST: usize = 1 << 10;
/// Most conditions of an object.
const MOST_CONDITIONS: usize = 16;

/// The text, cut if it is long; empty if it is no text.
pub(super) fn text(value: &Value) -> String {
    cut(value.as_str().unwrap_or_default())
}

/// A text, cut if it is long.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{}…", &text[..end])
}

/// A count; 0 if it is missing.
pub(super) fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A time in RFC 3339.
pub(super) fn time(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|at| at.with_timezone(&Utc))
}

/// The items of an array.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// When the deletion of an object was requested: its `deletionTimestamp` minus its grace period.
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

/// A quantity as a number: `250m` is 0.25.
pub(super) fn quantity(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| crate::quantity::parse(value.as_str()?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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

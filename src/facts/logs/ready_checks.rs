//! Owns the timeline of the ready checks, as the server's readyChecker logs it: the status of all, and of each.

use super::{parsed_line::ParsedLine, text::cut};
use crate::bundle::facts::ReadyState;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// The end of the logger's name, in any case. Every line of the readyChecker has it.
pub(super) const LOGGER: &str = "readyChecker";
/// Most states that are kept: the first half and the last.
const MOST: usize = 128;
/// Most checks.
const CHECKS: usize = 24;
/// The longest name or status of a check (bytes).
const NAME: usize = 48;

/// The checks of one server, by its log.
#[derive(Debug, Default)]
pub(super) struct ReadyChecks {
    /// Whether each check is up, by its name.
    checks: BTreeMap<String, bool>,
    /// The status of all checks together.
    status: String,
    /// Whether all checks are known, not only those that changed.
    is_whole: bool,
    states: Vec<ReadyState>,
}

impl ReadyChecks {
    /// Adds a line, if the readyChecker wrote it.
    pub(super) fn add(&mut self, at: DateTime<Utc>, line: &ParsedLine<'_>) {
        let is_checker = |logger: &str| {
            let tail = logger.len().checked_sub(LOGGER.len()).and_then(|from| logger.get(from..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(LOGGER))
        };
        if !line.logger().is_some_and(|logger| is_checker(&logger)) {
            return;
        }
        let status = line.field("status").map(|status| cut(&status, NAME));
        if let Some(Value::Object(checks)) = line.value("checks") {
            let check = |(name, check): (&String, &Value)| (cut(name, NAME), is_up(check));
            self.checks = checks.iter().take(CHECKS).map(check).collect();
            self.is_whole = true;
            self.status = status.unwrap_or_else(|| self.overall());
        } else if let (Some(check), Some(status)) = (line.field("check"), &status) {
            let name = cut(&check, NAME);
            if self.checks.len() < CHECKS || self.checks.contains_key(&name) {
                self.checks.insert(name, status.eq_ignore_ascii_case("up"));
            }
            self.status = self.overall();
        } else if let Some(status) = status {
            self.status = status;
        } else {
            return;
        }
        self.push_state(at);
    }

    /// The status of all checks together, by the status of each.
    fn overall(&self) -> String {
        let status = match self.checks.values().all(|is_up| *is_up) {
            false => "down",
            true if self.is_whole => "up",
            true => "unknown",
        };
        status.to_owned()
    }

    /// Adds a state to the timeline, or extends the last one if nothing changed.
    fn push_state(&mut self, at: DateTime<Utc>) {
        let names = |up: bool| self.checks.iter().filter(|(_, is)| **is == up).map(|(name, _)| name.clone()).collect();
        let state = ReadyState { at, until: at, status: self.status.clone(), down: names(false), up: names(true) };
        match self.states.last_mut() {
            Some(last) if (&last.status, &last.down, &last.up) == (&state.status, &state.down, &state.up) => {
                last.until = last.until.max(at);
            }
            _ => {
                if self.states.len() >= MOST {
                    self.states.remove(MOST / 2);
                }
                self.states.push(state);
            }
        }
    }

    /// The states, in order.
    pub(super) fn finish(self) -> Vec<ReadyState> {
        self.states
    }
}

/// Whether a check is up, by its `Status` or by a single word.
fn is_up(check: &Value) -> bool {
    let status = ["Status", "status"].iter().find_map(|key| check.get(key)).unwrap_or(check);
    status.as_str().is_some_and(|status| status.eq_ignore_ascii_case("up")) || status.as_bool() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000 + second, 0).expect("a moment")
    }

    fn timeline(lines: &[(i64, &str)]) -> Vec<(i64, i64, String, String)> {
        let mut ready = ReadyChecks::default();
        lines.iter().for_each(|(second, line)| ready.add(at(*second), &ParsedLine::of(line)));
        let second = |moment: DateTime<Utc>| (moment - at(0)).num_seconds();
        let told = |state: ReadyState| (second(state.at), second(state.until), state.status, state.down.join(","));
        ready.finish().into_iter().map(told).collect()
    }

    fn report(status: &str, config: &str, bundle: &str) -> String {
        format!(
            r#"{{"checks":{{"configCache":{{"Status":"{config}","ContiguousFails":3}},"bundleCache":{{"Status":"{bundle}"}}}},"status":"{status}","logger":"server.readyChecker","msg":"x","level":"warn"}}"#
        )
    }

    #[test]
    fn states_are_kept_where_they_change() {
        let (down, half, up) = (report("down", "down", "down"), report("down", "up", "down"), report("up", "up", "up"));
        let told = timeline(&[(0, &down), (10, &down), (20, &half), (30, &up), (40, &up), (50, &half)]);
        let state = |at, until, status: &str, checks: &str| (at, until, status.to_owned(), checks.to_owned());
        assert_eq!(
            told,
            [
                state(0, 10, "down", "bundleCache,configCache"),
                state(20, 20, "down", "bundleCache"),
                state(30, 40, "up", ""),
                state(50, 50, "down", "bundleCache")
            ]
        );
    }

    #[test]
    fn a_change_of_one_check_changes_the_state() {
        let change = |check: &str, status: &str| {
            format!(r#"{{"level":"info","logger":"server.readyChecker","check":"{check}","status":"{status}"}}"#)
        };
        let (alone, up) = (change("configCache", "up"), report("up", "up", "up"));
        let (down, again) = (change("configCache", "down"), change("configCache", "up"));
        let told = timeline(&[(0, &alone), (1, &up), (2, &down), (3, &again)]);
        let said: Vec<(&str, &str)> = told.iter().map(|it| (it.2.as_str(), it.3.as_str())).collect();
        assert_eq!(said, [("unknown", ""), ("up", ""), ("down", "configCache"), ("up", "")]);
    }

    #[test]
    fn other_lines_are_ignored() {
        let others = [
            r#"{"logger":"server.other","status":"down","checks":{}}"#,
            r#"{"msg":"readyChecker","status":"down"}"#,
            r#"{"logger":"readyChecker"}"#,
            r#"{"logger":"Checker","status":"down"}"#,
            "readyChecker down",
        ];
        for other in others {
            assert_eq!(timeline(&[(0, other)]), [], "{other}");
        }
        let odd = r#"{"logger":"readyChecker","status":7,"checks":[1]}"#;
        assert_eq!(timeline(&[(0, odd)]).len(), 1);
    }

    #[test]
    fn of_many_states_the_first_and_the_last_are_kept() {
        let lines: Vec<(i64, String)> = (0..1000).map(|at| (at, report(&format!("s{at}"), "up", "up"))).collect();
        let told = timeline(&lines.iter().map(|(at, line)| (*at, line.as_str())).collect::<Vec<_>>());
        assert_eq!(told.len(), MOST);
        assert_eq!((told[0].0, told[MOST - 1].0), (0, 999));
    }
}

//! Owns the timeline of the ready checks: what the server's readyChecker logs of all of them together, and of each.

use super::{cut, said::Said};
use crate::bundle::facts::ReadyState;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the name of its logger ends in, and what a line must have in it to be one of its lines.
pub(super) const LOGGER: &str = "readyChecker";
/// Most states that are kept: the first half and the last.
const MOST: usize = 128;
/// Most checks, and the longest name of one (bytes).
const CHECKS: usize = 24;
const NAME: usize = 48;

/// The checks of one server, as its log tells of them.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Each check, and whether it is up.
    checks: BTreeMap<String, bool>,
    status: String,
    /// Whether all checks are known, and not only those that changed.
    is_whole: bool,
    states: Vec<ReadyState>,
}

impl Ready {
    /// Takes in a line, if it is one of the readyChecker's.
    pub(super) fn see(&mut self, at: DateTime<Utc>, said: &Said<'_>) {
        let is_its = |logger: &str| {
            let tail = logger.len().checked_sub(LOGGER.len()).and_then(|from| logger.get(from..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(LOGGER))
        };
        if !said.logger().is_some_and(|logger| is_its(&logger)) {
            return;
        }
        let status = said.field("status").map(|status| cut(&status, NAME));
        if let Some(Value::Object(checks)) = said.value("checks") {
            let check = |(name, check): (&String, &Value)| (cut(name, NAME), is_up(check));
            self.checks = checks.iter().take(CHECKS).map(check).collect();
            self.is_whole = true;
            self.status = status.unwrap_or_else(|| self.of_checks());
        } else if let (Some(check), Some(status)) = (said.field("check"), &status) {
            let name = cut(&check, NAME);
            if self.checks.len() < CHECKS || self.checks.contains_key(&name) {
                self.checks.insert(name, status.eq_ignore_ascii_case("up"));
            }
            self.status = self.of_checks();
        } else if let Some(status) = status {
            self.status = status;
        } else {
            return;
        }
        self.tell(at);
    }

    /// The status of all together, by that of each.
    fn of_checks(&self) -> String {
        let status = match self.checks.values().all(|is_up| *is_up) {
            false => "down",
            true if self.is_whole => "up",
            true => "unknown",
        };
        status.to_owned()
    }

    fn tell(&mut self, at: DateTime<Utc>) {
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

    /// Each state, in order.
    pub(super) fn finish(self) -> Vec<ReadyState> {
        self.states
    }
}

/// Whether what is told of a check says that it is up: by its `Status`, or in a word.
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
        let mut ready = Ready::default();
        lines.iter().for_each(|(second, line)| ready.see(at(*second), &Said::of(line)));
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
    fn other_lines_are_none_of_its() {
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

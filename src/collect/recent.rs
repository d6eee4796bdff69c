//! The last lines of a log that is followed, by their times: where to take it up again, and which lines
//! come a second time then.
//!
//! Lines of two streams are not strictly in order, and whoever asks from a moment on is given the later
//! ones only: so it is asked from some seconds before the last one. What was had is the beginning of
//! what comes then, but for what was rotated away in between.

use crate::plan::window::seconds_floor;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{HashMap, VecDeque};

/// How far before the last line it is taken up.
const SLACK: TimeDelta = TimeDelta::seconds(5);
/// For how long lines are remembered: the kubelet looks every ten seconds whether a log is to be rotated.
const MEMORY: TimeDelta = TimeDelta::seconds(15);
/// Most lines that are remembered, and how often those are looked for that need not be.
const MOST: usize = 1 << 18;
const SOMETIMES: usize = 1 << 10;

/// A line's time in nanoseconds since 1970: hundreds of thousands of them are kept, for each log.
type Nanos = i64;

fn nanos(at: DateTime<Utc>) -> Nanos {
    // A log may have any time in it.
    at.timestamp_nanos_opt().unwrap_or(if at.timestamp() < 0 { Nanos::MIN } else { Nanos::MAX })
}

/// The last lines, as they came.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    times: VecDeque<Nanos>,
    pushed: usize,
    /// The last of those that are forgotten though they are within the slack.
    forgotten: Option<Nanos>,
}

impl Recent {
    pub(crate) fn push(&mut self, at: DateTime<Utc>) {
        let at = nanos(at);
        if self.times.len() == MOST {
            self.forgotten = self.times.pop_front().max(self.forgotten);
        }
        self.times.push_back(at);
        self.pushed += 1;
        if self.pushed.is_multiple_of(SOMETIMES) {
            let until = at.saturating_sub(MEMORY.num_nanoseconds().unwrap_or_default());
            while self.times.front().is_some_and(|front| *front < until) {
                self.times.pop_front();
            }
            if self.times.capacity() > 4 * self.times.len().max(SOMETIMES) {
                self.times.shrink_to(2 * self.times.len());
            }
        }
    }

    /// From when on to ask, and what of that was had.
    pub(crate) fn had(&self) -> (DateTime<Utc>, Had) {
        let last = self.times.back().copied();
        let mut since = DateTime::from_timestamp_nanos(last.unwrap_or_default()) - SLACK;
        if let Some(forgotten) = self.forgotten {
            since = since.max(DateTime::from_timestamp_nanos(forgotten) + TimeDelta::seconds(1));
        }
        let since = seconds_floor(since);
        let mut had = Had { counts: HashMap::new(), since: nanos(since), last, is_met: false };
        for at in self.times.iter().filter(|at| **at >= had.since) {
            *had.counts.entry(*at).or_default() += 1;
        }
        (since, had)
    }

    pub(crate) fn last_before(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = nanos(at);
        self.times.iter().rev().find(|time| **time < at).map(|time| DateTime::from_timestamp_nanos(*time))
    }
}

/// Lines that were had, and may come again.
#[derive(Debug)]
pub(crate) struct Had {
    counts: HashMap<Nanos, u32>,
    /// What lies before was had, and comes from those only who do not give the later lines alone.
    since: Nanos,
    last: Option<Nanos>,
    is_met: bool,
}

impl Had {
    /// Whether a line is one of them; each counts once.
    pub(crate) fn takes(&mut self, at: DateTime<Utc>) -> bool {
        let at = nanos(at);
        let Some(count) = self.counts.get_mut(&at).filter(|count| **count > 0) else { return at < self.since };
        *count -= 1;
        self.is_met |= self.last == Some(at);
        true
    }

    /// Whether the last of them has come again, so that nothing is missing in between.
    pub(crate) fn is_met(&self) -> bool {
        self.is_met
    }
}

#[cfg(test)]
mod tests {
    use super::super::cut::Cut;
    use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
    use proptest::prelude::*;

    fn at(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(1_764_000_000_000_000 + micros).expect("a moment")
    }

    fn line((number, micros): (usize, i64)) -> String {
        format!("{} line {number}\n", at(micros).to_rfc3339_opts(SecondsFormat::Nanos, true))
    }

    /// What a kubelet gives of the lines from the newest file's first on.
    fn answer(lines: &[(usize, i64)], file: usize, since: Option<DateTime<Utc>>) -> String {
        let wanted = |line: &&(usize, i64)| since.is_none_or(|since| at(line.1) >= since);
        lines[file..].iter().filter(wanted).copied().map(line).collect()
    }

    /// Times that are nearly in order, those of lines that were written at once equal, and where streams broke: after how many lines,
    /// and how many lines before that one the newest file then began.
    fn history() -> impl Strategy<Value = (Vec<i64>, Vec<(usize, usize)>)> {
        let step = prop_oneof![Just(0), 1..40i64, 200..3000i64, Just(20_000)];
        let times = proptest::collection::vec((step, -30..=0i64), 1..120).prop_map(|steps| {
            let (mut now, mut last) = (60_000, 0);
            let at = |(number, (step, late)): (i64, (i64, i64))| {
                now += step;
                last = if step == 0 && last > 0 { last } else { (now + late) * 1000 + number };
                last
            };
            (0..).zip(steps).map(at).collect()
        });
        (times, proptest::collection::vec((0..120usize, 0..160usize), 0..6))
    }

    proptest! {
        #[test]
        fn a_log_taken_up_again_has_each_line_once_and_in_order((times, breaks) in history()) {
            let lines: Vec<(usize, i64)> = times.into_iter().enumerate().collect();
            let mut cut = Cut::new(Some(at(0)), at(10_000_000_000)).resumable();
            let (mut out, mut breaks) = (Vec::new(), breaks);
            breaks.sort_unstable();
            breaks.push((lines.len(), usize::MAX));
            let mut file = 0;
            for (written, before) in breaks {
                let since = cut.resume();
                let written = written.min(lines.len());
                // A new file begins no earlier than the one that was read.
                file = file.max(written.saturating_sub(before)).min(written);
                // What is written at once is written to one file.
                while file > 0 && file < lines.len() && lines[file].1 == lines[file - 1].1 {
                    file -= 1;
                }
                let text = answer(&lines[..written], file, since);
                cut.push(text.as_bytes(), |kept| out.extend_from_slice(kept));
            }
            let lost = cut.breaks();
            let out = String::from_utf8(out).expect("text");
            let all: Vec<String> = lines.iter().copied().map(line).collect();
            let kept: Vec<&str> = out.split_inclusive('\n').collect();
            // In order and none twice: each is found behind the one before.
            let mut rest = all.iter();
            for line in &kept {
                prop_assert!(rest.any(|other| other == line), "{line} comes twice or too late in\n{out}");
            }
            // What is missing lies in a break. What was gone before the first answer is not its to tell.
            let missing = all.iter().zip(&lines).skip_while(|(line, _)| Some(line.as_str()) != kept.first().copied());
            for (missing, time) in missing.filter(|(line, _)| !kept.contains(&line.as_str())) {
                let slack = TimeDelta::milliseconds(60);
                let is_told = lost.iter().any(|lost| {
                    lost.after - slack <= at(time.1) && lost.before.is_none_or(|before| at(time.1) <= before + slack)
                });
                prop_assert!(is_told || !cut.is_joined(), "{missing} is missing in\n{out}\n{lost:?}");
            }
        }
    }
}

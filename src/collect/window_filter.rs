//! Owns the cutting of a log to the window, by the kubelet's timestamps.
//!
//! A line without a timestamp belongs to the line before it: the kubelet stamps only the first fragment of a line, and
//! fragments of stdout and stderr may merge. Text without a timestamp at the very beginning, or unfinished at the very
//! end, is not a log but the kubelet's own error, sent with a success status.
//!
//! A stream that broke can be requested again ([`WindowFilter::resume`]). Lines that arrive a second time are
//! recognised by their timestamps and left out.

use super::resume::{ResumeCursor, SeenLines};
use crate::kubelet_log::{Block, LineSplitter, STAMP, Stamp};
use chrono::{DateTime, TimeDelta, Utc};

/// How much of an error text is kept (bytes).
const ERROR: usize = 4 << 10;
/// A line that is longer than this is passed on before its end has arrived, even if only whole lines are passed on
/// (bytes).
const LONGEST: usize = 1 << 20;
/// Lines of stdout and stderr are not strictly in order. This long after the window's end, no line of the window
/// arrives.
const SLACK: TimeDelta = TimeDelta::seconds(5);

/// Keeps the lines of one log that lie within the window.
#[derive(Debug)]
pub(crate) struct WindowFilter {
    /// The first moment of the window; none where the log is kept from its beginning.
    start: Option<DateTime<Utc>>,
    /// The last moment of the window.
    end: DateTime<Utc>,
    splitter: LineSplitter,
    keeps: bool,
    is_over: bool,
    /// Whether a line with a timestamp has come.
    is_log: bool,
    /// The beginning of the current line, if it has no timestamp.
    unstamped: Option<Vec<u8>>,
    begins: Option<DateTime<Utc>>,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    lines: u64,
    /// Where to resume; none for a stream that is never resumed.
    cursor: Option<ResumeCursor>,
    /// Lines that were kept before the stream was resumed, and come again.
    seen: Option<SeenLines>,
    breaks: Vec<Break>,
}

/// A place where a log that was resumed does not continue what was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Break {
    /// The last line before it.
    pub(crate) after: DateTime<Utc>,
    /// The first line behind it, if any came.
    pub(crate) before: Option<DateTime<Utc>>,
}

impl WindowFilter {
    /// Keeps lines from `start` (none: from the first line) to `end`, both included.
    pub(crate) fn new(start: Option<DateTime<Utc>>, end: DateTime<Utc>) -> Self {
        Self {
            start,
            end,
            splitter: LineSplitter::new(STAMP),
            keeps: false,
            is_over: false,
            is_log: false,
            unstamped: None,
            begins: None,
            first: None,
            last: None,
            lines: 0,
            cursor: None,
            seen: None,
            breaks: Vec::new(),
        }
    }

    /// Makes it able to resume. From now on it passes on whole lines only: what a broken stream ends with comes again.
    pub(crate) fn resumable(self) -> Self {
        Self { cursor: Some(ResumeCursor::default()), splitter: LineSplitter::new(LONGEST), ..self }
    }

    /// Prepares for a stream that is requested again, and returns from when to request it; none from the log's
    /// beginning.
    pub(crate) fn resume(&mut self) -> Option<DateTime<Utc>> {
        self.splitter.restart();
        self.keeps = false;
        self.unstamped = None;
        let cursor = self.cursor.as_ref().filter(|_| self.last.is_some())?;
        let (since, seen) = cursor.resume();
        self.seen = Some(seen);
        Some(since)
    }

    /// Whether the data since it was resumed continues what was read before.
    pub(crate) fn is_joined(&self) -> bool {
        self.seen.as_ref().is_none_or(SeenLines::is_complete)
    }

    /// Takes the breaks that were found since the last call.
    pub(crate) fn take_breaks(&mut self) -> Vec<Break> {
        std::mem::take(&mut self.breaks)
    }

    /// The last line kept before a moment, of the most recent ones.
    pub(crate) fn last_before(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cursor.as_ref()?.last_before(at)
    }

    /// Whether all that follows lies behind the window.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Time of the first line that came, kept or not.
    pub(crate) fn begins(&self) -> Option<DateTime<Utc>> {
        self.begins
    }

    /// Lines kept so far.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Time of the last line kept so far.
    pub(crate) fn last(&self) -> Option<DateTime<Utc>> {
        self.last
    }

    /// The beginning of a line that was not looked at yet, as it has no end.
    pub(crate) fn held(&self) -> &[u8] {
        self.splitter.held()
    }

    /// Takes the next bytes, and passes on those within the window, in order.
    pub(crate) fn push(&mut self, chunk: &[u8], mut keep: impl FnMut(&[u8])) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.push(chunk).into_iter().for_each(|block| self.block(block, &mut keep));
        self.splitter = splitter;
    }

    /// Takes the last line, where the stream has ended before the line did.
    pub(crate) fn end_line(&mut self, mut keep: impl FnMut(&[u8])) {
        let mut splitter = std::mem::take(&mut self.splitter);
        self.block(splitter.finish(), &mut keep);
        self.splitter = splitter;
    }

    fn block(&mut self, block: Block<'_>, keep: &mut impl FnMut(&[u8])) {
        // Lines that follow each other are passed on in one piece.
        let (bytes, mut from, mut at) = (block.bytes(), 0, 0);
        for part in block.parts() {
            if part.is_start && !self.is_over {
                let kept = self.keeps;
                self.begin_line(part.bytes);
                if kept && !self.keeps {
                    keep(&bytes[from..at]);
                }
                if !kept {
                    from = at;
                }
            }
            if self.is_over {
                return;
            }
            if let Some(text) = &mut self.unstamped {
                let room = ERROR.saturating_sub(text.len()).min(part.bytes.len());
                text.extend_from_slice(&part.bytes[..room]);
            }
            at += part.bytes.len();
        }
        if self.keeps && from < at {
            keep(&bytes[from..at]);
        }
    }

    fn begin_line(&mut self, line: &[u8]) {
        let Some(at) = Stamp::read(line).map(Stamp::at) else {
            // An error text may have several lines; before any timestamp they are all one.
            if self.is_log || self.unstamped.is_none() {
                self.unstamped = Some(Vec::new());
            }
            self.lines += u64::from(self.keeps);
            return;
        };
        self.is_log = true;
        self.unstamped = None;
        self.begins.get_or_insert(at);
        self.is_over = at > self.end + SLACK;
        self.keeps = self.start.is_none_or(|start| at >= start) && at <= self.end;
        if self.keeps && self.seen.as_mut().is_some_and(|seen| seen.take(at)) {
            self.keeps = false;
        }
        if !self.keeps {
            return;
        }
        self.join(at);
        if let Some(cursor) = &mut self.cursor {
            cursor.push(at);
        }
        self.first.get_or_insert(at);
        self.last = Some(at);
        self.lines += 1;
    }

    /// Notes a break, if the first new line after a resume does not continue what was read before.
    fn join(&mut self, at: DateTime<Utc>) {
        let Some(seen) = self.seen.take() else { return };
        if let (false, Some(after)) = (seen.is_complete(), self.last) {
            self.breaks.push(Break { after, before: Some(at) });
        }
    }

    /// Ends the log. A last line without an end is passed on as it is.
    pub(crate) fn finish(mut self, keep: impl FnMut(&[u8])) -> Ended {
        self.end_line(keep);
        let is_error = self.splitter.is_within_line() || !self.is_log;
        let error = self.unstamped.filter(|text| is_error && !text.is_empty());
        Ended {
            is_over: self.is_over,
            begins: self.begins,
            first: self.first,
            last: self.last,
            lines: self.lines,
            is_log: self.is_log,
            error: error.map(|text| String::from_utf8_lossy(&text).trim().to_owned()),
        }
    }
}

/// What is known when a log has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether all that followed lay behind the window.
    pub(crate) is_over: bool,
    /// Time of the first line that came, kept or not.
    pub(crate) begins: Option<DateTime<Utc>>,
    /// Time of the first line kept.
    pub(crate) first: Option<DateTime<Utc>>,
    /// Time of the last line kept.
    pub(crate) last: Option<DateTime<Utc>>,
    /// Lines kept.
    pub(crate) lines: u64,
    /// Whether any line had a timestamp. Otherwise all of it was [`Self::error`].
    pub(crate) is_log: bool,
    /// The kubelet's own error, where the log should have been or should have continued.
    pub(crate) error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::SecondsFormat;
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

    /// What a log is when its lines are read one by one: what is kept of it, and the kubelet's error at its end.
    fn naive(text: &str, start: i64, end: i64) -> (String, Option<String>) {
        let (mut kept, mut keeps, mut is_log, mut error) = (String::new(), false, false, None::<String>);
        for line in text.split_inclusive('\n') {
            let stamp = line.split(' ').next().and_then(|stamp| DateTime::parse_from_rfc3339(stamp).ok());
            match stamp {
                Some(time) if time > at(end) + SLACK => return (kept, None),
                Some(time) => (keeps, is_log, error) = (at(start) <= time && time <= at(end), true, None),
                None if is_log => error = Some(line.to_owned()),
                None => error = Some(error.unwrap_or_default() + line),
            }
            kept += if keeps { line } else { "" };
        }
        let error = error.filter(|_| !is_log || !text.ends_with('\n'));
        (kept, error.map(|error| error.trim().to_owned()))
    }

    /// Lines around a window from second 10 to second 20, some without a timestamp, the last one perhaps without an end.
    fn log() -> impl Strategy<Value = String> {
        let stamped = (0..30_000_000_i64, "[a-z ]{0,60}")
            .prop_map(|(micros, text)| at(micros).to_rfc3339_opts(SecondsFormat::Nanos, true) + " " + &text);
        let line = prop_oneof![4 => stamped, 1 => "[a-z ]{0,60}"];
        (proptest::collection::vec(line, 0..40), any::<bool>())
            .prop_map(|(lines, has_end)| lines.join("\n") + if has_end { "\n" } else { "" })
    }

    proptest! {
        #[test]
        fn lines_of_the_window_are_kept_whatever_the_chunks_are(
            log in log(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12), resumable in any::<bool>(),
        ) {
            let (start, end) = (10_000_000, 20_000_000);
            let mut filter = WindowFilter::new(Some(at(start)), at(end));
            if resumable {
                filter = filter.resumable();
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
            cuts.extend([0, log.len()]);
            cuts.sort_unstable();
            let mut kept = Vec::new();
            for pair in cuts.windows(2) {
                filter.push(&log.as_bytes()[pair[0]..pair[1]], |bytes| kept.extend_from_slice(bytes));
            }
            let ended = filter.finish(|bytes| kept.extend_from_slice(bytes));
            let (wanted, error) = naive(&log, start, end);
            prop_assert_eq!(String::from_utf8_lossy(&kept), wanted.as_str());
            prop_assert_eq!(ended.error.filter(|_| !ended.is_over).filter(|it| !it.is_empty()), error.filter(|it| !it.is_empty()));
            prop_assert_eq!(ended.lines, wanted.split_inclusive('\n').count() as u64);
        }

        #[test]
        fn a_resumed_log_has_each_line_once_and_in_order((times, breaks) in history()) {
            let lines: Vec<(usize, i64)> = times.into_iter().enumerate().collect();
            let mut filter = WindowFilter::new(Some(at(0)), at(10_000_000_000)).resumable();
            let (mut out, mut breaks) = (Vec::new(), breaks);
            breaks.sort_unstable();
            breaks.push((lines.len(), usize::MAX));
            let mut file = 0;
            for (written, before) in breaks {
                let since = filter.resume();
                let written = written.min(lines.len());
                // A new file begins no earlier than the one that was read.
                file = file.max(written.saturating_sub(before)).min(written);
                // What is written at once is written to one file.
                while file > 0 && file < lines.len() && lines[file].1 == lines[file - 1].1 {
                    file -= 1;
                }
                let text = answer(&lines[..written], file, since);
                filter.push(text.as_bytes(), |kept| out.extend_from_slice(kept));
            }
            let breaks = filter.take_breaks();
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
                let is_told = breaks.iter().any(|gap| {
                    gap.after - slack <= at(time.1) && gap.before.is_none_or(|before| at(time.1) <= before + slack)
                });
                prop_assert!(is_told || !filter.is_joined(), "{missing} is missing in\n{out}\n{breaks:?}");
            }
        }
    }
}

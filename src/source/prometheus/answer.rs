//! An answer as it arrives: series by series, or whatever else it lists, so that memory holds one piece of it
//! and not all.

use super::{
    super::{BodyStream, cutter::Cutter},
    PrometheusError,
};
use memchr::memmem;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, marker::PhantomData};
use tokio::sync::OwnedSemaphorePermit;

/// One series, or one group of rules: 200,000 points, where a query gives 11,000 and two days of samples 12,000.
const SERIES: usize = 8 << 20;
/// What is around the series: warnings.
const FRAME: usize = 4 << 20;
/// All of an answer.
const ANSWER: usize = 1 << 30;

/// What an answer lists.
pub trait Listed: Sized {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none.
    fn read(row: &[u8]) -> serde_json::Result<Self>;
}

impl<T: DeserializeOwned> Listed for T {
    fn read(row: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(row)
    }
}

/// One series of an answer.
#[derive(Debug)]
pub struct Series {
    /// Its labels.
    pub metric: BTreeMap<String, String>,
    /// `[[seconds, "value"], …]` as it came. Whether it is that, [`points`](Self::points) and
    /// [`written`](Self::written) find.
    pub values: Option<Box<str>>,
    /// The same of native histograms, which is JSON.
    pub histograms: Option<Box<str>>,
    /// `[seconds, "value"]` of a question for one moment.
    value: Option<(f64, String)>,
}

/// A series, as JSON has it.
#[derive(Deserialize)]
struct Parsed {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Option<Box<RawValue>>,
    #[serde(default)]
    histograms: Option<Box<RawValue>>,
    #[serde(default)]
    value: Option<(f64, String)>,
}

impl Listed for Series {
    fn read(row: &[u8]) -> serde_json::Result<Self> {
        let Some((head, values)) = apart(row) else { return serde_json::from_slice(row).map(Parsed::into) };
        let series: Self = serde_json::from_slice(&head).map(Parsed::into)?;
        Ok(Self { values: Some(values.into()), ..series })
    }
}

impl From<Parsed> for Series {
    fn from(Parsed { metric, values, histograms, value }: Parsed) -> Self {
        Self { metric, values: values.map(Into::into), histograms: histograms.map(Into::into), value }
    }
}

/// A series without its values, and these, where they come last, as all backends write them. They are most of an
/// answer: so they are read once, by [`compact`], and not by a parser before that. What is looked for cannot be within a
/// string, where JSON puts a backslash before a quote.
fn apart(row: &[u8]) -> Option<(Vec<u8>, &str)> {
    const KEY: &[u8] = b",\"values\":";
    let at = memmem::find(row, b",\"values\":[[")?;
    let values = row[at + KEY.len()..].strip_suffix(b"}")?;
    if memmem::find(values, b"]]") != Some(values.len() - 2) {
        return None;
    }
    Some(([&row[..at], b"}"].concat(), str::from_utf8(values).ok()?))
}

impl Series {
    /// Its value at the only moment.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value.as_ref()?.1.parse().ok()
    }

    /// Its points: seconds since 1970, as they came, and the text of the value.
    ///
    /// # Errors
    /// When they are not what the API promises.
    pub fn points(&self) -> Result<Vec<(f64, &str)>, PrometheusError> {
        let points = self.written()?.into_iter();
        let read = |at: &str| at.parse().or_else(|_| serde_json::from_str(at).map_err(PrometheusError::Parse));
        points.map(|(at, value)| Ok((read(at)?, value))).collect()
    }

    /// The same with the seconds as they came, too: to be written again, not to be reckoned with.
    ///
    /// # Errors
    /// When they are not what the API promises.
    pub fn written(&self) -> Result<Vec<(&str, &str)>, PrometheusError> {
        let values = self.values.as_deref().unwrap_or("[]");
        if let Some(pairs) = compact(values) {
            return Ok(pairs);
        }
        let pairs: Vec<(&RawValue, &str)> = serde_json::from_str(values).map_err(PrometheusError::Parse)?;
        Ok(pairs.into_iter().map(|(at, value)| (at.get(), value)).collect())
    }
}

/// The pairs of a number and a string that an array consists of, as all backends write them; none where a blank, an
/// escape or anything else is in it. An answer has a million of them, and a parser that takes all JSON is three times
/// as slow.
fn compact(values: &str) -> Option<Vec<(&str, &str)>> {
    let mut pairs = Vec::with_capacity(values.len() / 24);
    let mut rest = values.strip_prefix('[')?.strip_suffix(']')?;
    while !rest.is_empty() {
        let pair = rest.strip_prefix('[')?;
        let (at, behind) = pair.split_at(decimal(pair.as_bytes())?);
        let text = behind.strip_prefix(",\"")?;
        // JSON has no bare control characters in strings.
        let end = text.bytes().position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))?;
        let (value, behind) = text.split_at(end);
        rest = behind.strip_prefix("\"]")?;
        rest = match rest.strip_prefix(',') {
            Some(rest) if !rest.is_empty() => rest,
            None if rest.is_empty() => rest,
            _ => return None,
        };
        pairs.push((at, value));
    }
    Some(pairs)
}

/// How long the number is that a text begins with, as JSON has them and backends write times: `17`, `17.25`.
fn decimal(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let is_whole = whole == 1 || whole > 1 && text[0] != b'0';
    let part = if text.get(whole) == Some(&b'.') { 1 + digits(whole + 1) } else { 0 };
    (is_whole && part != 1).then_some(whole + part)
}

/// What an answer says besides its series.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// What it warns of, word for word.
    pub warnings: Vec<String>,
    /// What it remarks, word for word.
    pub infos: Vec<String>,
    /// Whether it says that not all of its parts answered.
    pub is_partial: bool,
}

/// An answer that lists this, as far as it has come.
pub struct Answer<T = Series> {
    body: BodyStream,
    _kind: PhantomData<fn() -> T>,
    /// While it comes, others wait for their turn.
    _turn: Option<OwnedSemaphorePermit>,
    cutter: Cutter,
    received: usize,
    /// How many of these bytes were told.
    told: usize,
    code: u16,
    head: Option<Head>,
}

impl<T: Listed> Answer<T> {
    pub(super) fn new(code: u16, body: BodyStream, turn: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            body,
            _kind: PhantomData,
            _turn: turn,
            cutter: Cutter::of_data(),
            received: 0,
            told: 0,
            code,
            head: None,
        }
    }

    /// What comes next, some at once and perhaps none; `None` at the end.
    ///
    /// # Errors
    /// When it breaks off, is none, or is larger than any answer.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, PrometheusError> {
        if self.head.is_some() {
            return Ok(None);
        }
        let Some(chunk) = self.body.chunk().await? else {
            self.head = Some(head(self.code, self.cutter.frame())?);
            return Ok(None);
        };
        self.received += chunk.len();
        let mut rows = Vec::new();
        let parsed = self.cutter.push(&chunk, |_, row| T::read(row).map(|it| rows.push(it)));
        if parsed.is_err() && self.received == chunk.len() && !chunk.trim_ascii_start().starts_with(b"{") {
            return Err(super::foreign(self.code, &chunk));
        }
        parsed.map_err(PrometheusError::Parse)?;
        let too_large = [
            ("the answer", ANSWER, self.received),
            ("a part of the answer", SERIES, self.cutter.held().saturating_sub(FRAME)),
            ("what is around the answer's series", FRAME, self.cutter.frame().len()),
        ];
        match too_large.into_iter().find(|(_, limit, is)| is > limit) {
            Some((what, limit, _)) => Err(PrometheusError::TooLarge { what, limit }),
            None => Ok(Some(rows)),
        }
    }

    /// How many bytes have come since this was last asked.
    pub fn arrived(&mut self) -> u64 {
        let told = std::mem::replace(&mut self.told, self.received);
        (self.received - told) as u64
    }

    /// What it says besides its series, when they are all had.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head.clone().unwrap_or_default()
    }
}

/// The answer but for its series.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Frame {
    pub(super) status: String,
    pub(super) error_type: String,
    pub(super) error: String,
    warnings: Option<Vec<String>>,
    infos: Option<Vec<String>>,
    /// Of a VictoriaMetrics with several parts.
    is_partial: bool,
}

fn head(code: u16, frame: &[u8]) -> Result<Head, PrometheusError> {
    let parsed: Frame = match serde_json::from_slice(frame) {
        Ok(parsed) => parsed,
        Err(_) if !frame.trim_ascii_start().starts_with(b"{") => return Err(super::foreign(code, frame)),
        Err(error) => return Err(PrometheusError::Parse(error)),
    };
    let Frame { status, error_type: kind, error: message, warnings, infos, is_partial } = parsed;
    match status.as_str() {
        "success" => Ok(Head { warnings: warnings.unwrap_or_default(), infos: infos.unwrap_or_default(), is_partial }),
        "error" => Err(PrometheusError::Refused { code, kind, message }),
        _ => Err(super::foreign(code, frame)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(values: &str) -> Option<Vec<(String, String)>> {
        let pairs: Vec<(&RawValue, String)> = serde_json::from_str(values).ok()?;
        Some(pairs.into_iter().map(|(at, value)| (at.get().to_owned(), value)).collect())
    }

    #[test]
    fn pairs_are_read_as_backends_write_them() {
        let pairs = compact(r#"[[1763000000,"0.1"],[1763000015.25,"NaN"],[1763000030,"+Inf"]]"#);
        assert_eq!(pairs, Some(vec![("1763000000", "0.1"), ("1763000015.25", "NaN"), ("1763000030", "+Inf")]));
        assert_eq!(compact("[]"), Some(Vec::new()));
        for other in
            [r#"[[1,"a\n"]]"#, r#"[[1, "a"]]"#, r#"[[1,"a"],]"#, r#"[[1,"a"][2,"b"]]"#, "[[1,2]]", "[", "]", ""]
        {
            assert_eq!(compact(other), None, "{other}");
        }
    }

    #[test]
    fn a_series_is_the_same_however_it_is_read() {
        let tricky = r#"{"metric":{"a":"x,\"values\":[[1,\"2\"]]"},"values":[[1,"2"],[3,"4"]]}"#;
        assert!(apart(tricky.as_bytes()).is_some_and(|(head, _)| head.ends_with(b"]]\"}}")));
        let others = [
            tricky,
            r#"{"metric":{},"values":[[1,"2"]],"histograms":[[1,{"count":"2"}]]}"#,
            r#"{"metric":{},"values":[[1,"2"]] ,"histograms":[[1,"2"]]}"#,
            r#"{"values":[[1,"2"]],"metric":{}}"#,
            r#"{"metric":{},"values":[[1,"]]"]]}"#,
            r#"{"metric":{},"values":[[1,"2"]],"values":[[1,"2"]]}"#,
            r#"{"metric":{"a":"b","values":[[1,"2"]]}}"#,
            r#"{"metric":{},"values":[[1,2]]}"#,
            r#"{"metric":{},"values":[[1,"2"]x]}"#,
            r#"{"metric":{},"values":[[01,"2"]]}"#,
            r#"{"metric":{},"values":[[1.,"2"]]}"#,
            r#"{"metric":{},"values":[[1.2.3,"2"]]}"#,
            "{\"metric\":{},\"values\":[[1,\"2\n\"]]}",
            r#"{"metric":{},"values":[[]]}"#,
            r#"{"metric":{},"values":[[]}"#,
            r#"{"metric":{},"value":[1,"2"]}"#,
        ];
        for row in others {
            let said = |series: &Series| {
                let points = series.written().ok()?.into_iter().map(|(at, value)| format!("{at} {value}"));
                Some((series.metric.clone(), points.collect::<Vec<_>>(), series.histograms.clone(), series.value()))
            };
            let whole = serde_json::from_str::<Parsed>(row).ok().map(Series::from);
            let (one, other) = (Series::read(row.as_bytes()).ok(), whole);
            assert_eq!(one.as_ref().and_then(said), other.as_ref().and_then(said), "{row}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_so_is_what_a_parser_reads(text in r#"\[(\[[0-9.]{1,4},"[0-9a\\é\n]{0,3}"\],?){0,4}\]"#) {
            if let Some(pairs) = compact(&text) {
                let pairs: Vec<_> = pairs.into_iter().map(|(at, value)| (at.to_owned(), value.to_owned())).collect();
                prop_assert_eq!(Some(pairs), read(&text));
            }
        }
    }
}

//! Owns the answer of a Prometheus as it arrives: row by row, so that memory holds one series, not all of them.

use super::error::PrometheusError;
use crate::source::{BodyStream, rows::JsonRowSplitter};
use memchr::memmem;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, marker::PhantomData};
use tokio::sync::OwnedSemaphorePermit;

/// Most bytes of a row: 200,000 points. A query gives 11,000, and two days of samples 12,000.
const ROW: usize = 8 << 20;
/// Most bytes around the rows, which are warnings.
const FRAME: usize = 4 << 20;
/// Most bytes of an answer.
const ANSWER: usize = 1 << 30;

/// A row of an answer.
pub trait FromRow: Sized {
    /// Parses a row.
    ///
    /// # Errors
    /// If it is not such a row.
    fn from_row(row: &[u8]) -> serde_json::Result<Self>;
}

impl<T: DeserializeOwned> FromRow for T {
    fn from_row(row: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(row)
    }
}

/// One series of an answer.
#[derive(Debug)]
pub struct Series {
    /// Its labels, with the metric's name as `__name__`.
    pub metric: BTreeMap<String, String>,
    /// `[[seconds, "value"], …]` as the backend sent it, not parsed yet.
    pub values: Option<Box<str>>,
    /// The same for native histograms, whose values are JSON objects.
    pub histograms: Option<Box<str>>,
    /// `[seconds, "value"]` of an instant query.
    value: Option<(f64, String)>,
}

#[derive(Deserialize)]
struct JsonSeries {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Option<Box<RawValue>>,
    #[serde(default)]
    histograms: Option<Box<RawValue>>,
    #[serde(default)]
    value: Option<(f64, String)>,
}

impl FromRow for Series {
    fn from_row(row: &[u8]) -> serde_json::Result<Self> {
        let Some((head, values)) = split_values(row) else { return serde_json::from_slice(row).map(JsonSeries::into) };
        let series: Self = serde_json::from_slice(&head).map(JsonSeries::into)?;
        Ok(Self { values: Some(values.into()), ..series })
    }
}

impl From<JsonSeries> for Series {
    fn from(JsonSeries { metric, values, histograms, value }: JsonSeries) -> Self {
        Self { metric, values: values.map(Into::into), histograms: histograms.map(Into::into), value }
    }
}

/// A series without its values, and its values, if they come last, as all backends write them. Values are most of an
/// answer, so only [`compact_pairs`] reads them. The searched text cannot be inside a JSON string, which escapes quotes.
fn split_values(row: &[u8]) -> Option<(Vec<u8>, &str)> {
    const KEY: &[u8] = b",\"values\":";
    let at = memmem::find(row, b",\"values\":[[")?;
    let values = row[at + KEY.len()..].strip_suffix(b"}")?;
    if memmem::find(values, b"]]") != Some(values.len() - 2) {
        return None;
    }
    Some(([&row[..at], b"}"].concat(), str::from_utf8(values).ok()?))
}

impl Series {
    /// The value of an instant query.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value.as_ref()?.1.parse().ok()
    }

    /// Its points: seconds since 1970, and the text of the value.
    ///
    /// # Errors
    /// If the values are not what the API promises.
    pub fn points(&self) -> Result<Vec<(f64, &str)>, PrometheusError> {
        let points = self.point_texts()?.into_iter();
        let read = |at: &str| at.parse().or_else(|_| serde_json::from_str(at).map_err(PrometheusError::Parse));
        points.map(|(at, value)| Ok((read(at)?, value))).collect()
    }

    /// Its points as texts: seconds since 1970 and value, exactly as the backend sent them.
    ///
    /// # Errors
    /// If the values are not what the API promises.
    pub fn point_texts(&self) -> Result<Vec<(&str, &str)>, PrometheusError> {
        let values = self.values.as_deref().unwrap_or("[]");
        if let Some(pairs) = compact_pairs(values) {
            return Ok(pairs);
        }
        let pairs: Vec<(&RawValue, &str)> = serde_json::from_str(values).map_err(PrometheusError::Parse)?;
        Ok(pairs.into_iter().map(|(at, value)| (at.get(), value)).collect())
    }
}

/// The pairs of a number and a string in an array without blanks and escapes, as all backends write them; `None` for
/// any other array. An answer has a million pairs, and a complete JSON parser takes three times as long.
fn compact_pairs(values: &str) -> Option<Vec<(&str, &str)>> {
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

/// Length of the JSON number that a text begins with, such as `17` or `17.25`.
fn decimal(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let is_whole = whole == 1 || whole > 1 && text[0] != b'0';
    let part = if text.get(whole) == Some(&b'.') { 1 + digits(whole + 1) } else { 0 };
    (is_whole && part != 1).then_some(whole + part)
}

/// What an answer says besides its rows.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Its warnings, word for word.
    pub warnings: Vec<String>,
    /// Its infos, word for word.
    pub infos: Vec<String>,
    /// Whether a part of the backend did not respond.
    pub is_partial: bool,
}

/// An answer while it arrives.
pub struct Answer<T = Series> {
    body: BodyStream,
    _kind: PhantomData<fn() -> T>,
    /// Its place among the queries at once.
    _turn: Option<OwnedSemaphorePermit>,
    splitter: JsonRowSplitter,
    received: usize,
    /// How many of these bytes [`arrived`](Self::arrived) has returned.
    reported: usize,
    code: u16,
    notes: Option<Notes>,
}

impl<T: FromRow> Answer<T> {
    pub(super) fn new(code: u16, body: BodyStream, turn: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            body,
            _kind: PhantomData,
            _turn: turn,
            splitter: JsonRowSplitter::of_data(),
            received: 0,
            reported: 0,
            code,
            notes: None,
        }
    }

    /// Waits for the next rows, perhaps none; `None` at the end.
    ///
    /// # Errors
    /// If the answer breaks off, is not one of a Prometheus, or is too large.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, PrometheusError> {
        if self.notes.is_some() {
            return Ok(None);
        }
        let Some(chunk) = self.body.chunk().await? else {
            self.notes = Some(notes(self.code, self.splitter.frame())?);
            return Ok(None);
        };
        self.received += chunk.len();
        let mut rows = Vec::new();
        let parsed = self.splitter.push(&chunk, |_, row| T::from_row(row).map(|it| rows.push(it)));
        if parsed.is_err() && self.received == chunk.len() && !chunk.trim_ascii_start().starts_with(b"{") {
            return Err(PrometheusError::foreign(self.code, &chunk));
        }
        parsed.map_err(PrometheusError::Parse)?;
        let too_large = [
            ("the answer", ANSWER, self.received),
            ("a series of the answer", ROW, self.splitter.held().saturating_sub(FRAME)),
            ("the part of the answer without its series", FRAME, self.splitter.frame().len()),
        ];
        match too_large.into_iter().find(|(_, limit, is)| is > limit) {
            Some((what, limit, _)) => Err(PrometheusError::TooLarge { what, limit }),
            None => Ok(Some(rows)),
        }
    }

    /// How many bytes have arrived since the last call.
    pub fn arrived(&mut self) -> u64 {
        let reported = std::mem::replace(&mut self.reported, self.received);
        (self.received - reported) as u64
    }

    /// What it says besides its rows, after the last of them.
    #[must_use]
    pub fn notes(&self) -> Notes {
        self.notes.clone().unwrap_or_default()
    }
}

/// The answer without its rows.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AnswerFrame {
    status: String,
    error_type: String,
    error: String,
    warnings: Option<Vec<String>>,
    infos: Option<Vec<String>>,
    /// Sent by the cluster version of VictoriaMetrics.
    is_partial: bool,
}

fn notes(code: u16, frame: &[u8]) -> Result<Notes, PrometheusError> {
    let parsed: AnswerFrame = match serde_json::from_slice(frame) {
        Ok(parsed) => parsed,
        Err(_) if !frame.trim_ascii_start().starts_with(b"{") => return Err(PrometheusError::foreign(code, frame)),
        Err(error) => return Err(PrometheusError::Parse(error)),
    };
    let AnswerFrame { status, error_type: kind, error: message, warnings, infos, is_partial } = parsed;
    match status.as_str() {
        "success" => Ok(Notes { warnings: warnings.unwrap_or_default(), infos: infos.unwrap_or_default(), is_partial }),
        "error" => Err(PrometheusError::Refused { code, kind, message }),
        _ => Err(PrometheusError::foreign(code, frame)),
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
        let pairs = compact_pairs(r#"[[1763000000,"0.1"],[1763000015.25,"NaN"],[1763000030,"+Inf"]]"#);
        assert_eq!(pairs, Some(vec![("1763000000", "0.1"), ("1763000015.25", "NaN"), ("1763000030", "+Inf")]));
        assert_eq!(compact_pairs("[]"), Some(Vec::new()));
        for other in
            [r#"[[1,"a\n"]]"#, r#"[[1, "a"]]"#, r#"[[1,"a"],]"#, r#"[[1,"a"][2,"b"]]"#, "[[1,2]]", "[", "]", ""]
        {
            assert_eq!(compact_pairs(other), None, "{other}");
        }
    }

    #[test]
    fn a_series_is_the_same_however_it_is_read() {
        let tricky = r#"{"metric":{"a":"x,\"values\":[[1,\"2\"]]"},"values":[[1,"2"],[3,"4"]]}"#;
        assert!(split_values(tricky.as_bytes()).is_some_and(|(head, _)| head.ends_with(b"]]\"}}")));
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
            let shown = |series: &Series| {
                let points = series.point_texts().ok()?.into_iter().map(|(at, value)| format!("{at} {value}"));
                Some((series.metric.clone(), points.collect::<Vec<_>>(), series.histograms.clone(), series.value()))
            };
            let whole = serde_json::from_str::<JsonSeries>(row).ok().map(Series::from);
            let (one, other) = (Series::from_row(row.as_bytes()).ok(), whole);
            assert_eq!(one.as_ref().and_then(shown), other.as_ref().and_then(shown), "{row}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_so_is_what_a_parser_reads(text in r#"\[(\[[0-9.]{1,4},"[0-9a\\é\n]{0,3}"\],?){0,4}\]"#) {
            if let Some(pairs) = compact_pairs(&text) {
                let pairs: Vec<_> = pairs.into_iter().map(|(at, value)| (at.to_owned(), value.to_owned())).collect();
                prop_assert_eq!(Some(pairs), read(&text));
            }
        }
    }
}

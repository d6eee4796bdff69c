//! An answer as it arrives: series by series, or whatever else it lists, so that memory holds one piece of it
//! and not all.

use super::{
    super::{BodyStream, cutter::Cutter},
    PrometheusError,
};
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

/// One series of an answer.
#[derive(Debug, Deserialize)]
pub struct Series {
    /// Its labels.
    pub metric: BTreeMap<String, String>,
    /// `[[seconds, "value"], …]` as it came.
    #[serde(default)]
    pub values: Option<Box<RawValue>>,
    /// The same of native histograms.
    #[serde(default)]
    pub histograms: Option<Box<RawValue>>,
    /// `[seconds, "value"]` of a question for one moment.
    #[serde(default)]
    value: Option<(f64, String)>,
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
        let values = self.values.as_deref().map_or("[]", RawValue::get);
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
        let end = pair.bytes().position(|byte| !(byte.is_ascii_digit() || byte == b'.'))?;
        let (at, behind) = pair.split_at(end);
        let text = behind.strip_prefix(",\"")?;
        let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
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

impl<T: DeserializeOwned> Answer<T> {
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
        let parsed = self.cutter.push(&chunk, |_, row| serde_json::from_slice(row).map(|it| rows.push(it)));
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

    proptest! {
        #[test]
        fn what_is_read_so_is_what_a_parser_reads(text in r#"\[(\[[0-9.]{1,4},"[0-9a\\é]{0,3}"\],?){0,4}\]"#) {
            // That `RawValue` holds JSON has been seen to.
            if let (Some(pairs), Some(parsed)) = (compact(&text), read(&text)) {
                let pairs: Vec<_> = pairs.into_iter().map(|(at, value)| (at.to_owned(), value.to_owned())).collect();
                prop_assert_eq!(pairs, parsed);
            }
        }
    }
}

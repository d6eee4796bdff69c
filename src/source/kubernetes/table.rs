//! Lists as the API server renders them: a Table whose rows carry their objects, paged, and parsed
//! row by row while the bytes still come, so that memory holds one row and not one page.

use super::{Kubernetes, SourceError};
use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::{fmt, io};
use tokio::sync::mpsc;

/// Asks for a Table, and takes a plain list from servers that make none.
const AS_TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json";
const AS_METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// kubectl's own page size.
const PAGE: usize = 500;

/// One object of a list, and how the server prints it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Printed columns; empty where the server makes no tables.
    pub cells: Vec<Value>,
    /// The object.
    pub object: Value,
}

/// Takes the rows of a list as they come.
pub trait Rows: Send {
    /// The next row.
    fn row(&mut self, row: Row);
    /// The list starts again, because its continuation expired: forget the rows so far.
    fn restart(&mut self);
}

/// What is known when a list has ended.
#[derive(Clone, Debug, Default)]
pub struct ListEnd {
    /// `columnDefinitions` of the Table; empty where there was none.
    pub columns: Vec<Value>,
    /// The version that the list is of.
    pub resource_version: String,
}

impl Kubernetes {
    /// Lists `path` (with its query, which must not hold `limit` or `continue`), handing over each
    /// row as it is parsed. A continuation that expired (410) restarts the list in one piece.
    ///
    /// # Errors
    /// When a page cannot be had whole.
    pub async fn list<R: Rows + 'static>(
        &self,
        path: &str,
        metadata_only: bool,
        mut rows: R,
    ) -> Result<(R, ListEnd), SourceError> {
        let accept = if metadata_only { AS_METADATA } else { AS_TABLE };
        let joiner = if path.contains('?') { '&' } else { '?' };
        let include = if metadata_only { "" } else { "&includeObject=Object" };
        let mut limit = PAGE;
        let mut end = ListEnd::default();
        let mut token = String::new();
        loop {
            let page = format!("{path}{joiner}limit={limit}{include}{}", continuation(&token));
            let mut answer = match self.get(&page, accept).await {
                Err(error) if error.code() == Some(410) && !token.is_empty() => {
                    rows.restart();
                    token.clear();
                    limit = 0;
                    end = ListEnd::default();
                    continue;
                }
                answer => answer?,
            };
            let (sender, receiver) = mpsc::channel::<Bytes>(4);
            let parsing = tokio::task::spawn_blocking(move || {
                let reader = io::BufReader::with_capacity(64 << 10, ChunkReader { receiver, chunk: Bytes::new() });
                let page = Page(&mut rows).deserialize(&mut serde_json::Deserializer::from_reader(reader));
                (rows, page)
            });
            let received = async {
                while let Some(chunk) = answer.body.chunk().await? {
                    if sender.send(chunk).await.is_err() {
                        break;
                    }
                }
                Ok(())
            }
            .await;
            drop(sender);
            let (returned, page) = parsing.await.map_err(|panic| SourceError::Broken(panic.into()))?;
            rows = returned;
            // A body that broke off is the cause of the JSON that ends too soon.
            received?;
            let page = page.map_err(SourceError::Parse)?;
            if end.columns.is_empty() {
                end.columns = page.columns;
            }
            if end.resource_version.is_empty() {
                end.resource_version = page.metadata.resource_version;
            }
            token = page.metadata.token;
            if token.is_empty() {
                return Ok((rows, end));
            }
        }
    }
}

fn continuation(token: &str) -> String {
    if token.is_empty() {
        return String::new();
    }
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    format!("&continue={token}")
}

/// Chunks from the async side as a blocking reader.
struct ChunkReader {
    receiver: mpsc::Receiver<Bytes>,
    chunk: Bytes,
}

impl io::Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let taken = self.chunk.split_to(buffer.len().min(self.chunk.len()));
        buffer[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    token: String,
}

#[derive(Default)]
struct PageEnd {
    columns: Vec<Value>,
    metadata: ListMeta,
    /// `apiVersion` and `kind` of a plain list: its items leave theirs out.
    api_version: String,
    kind: String,
}

/// Parses one page, giving each row away as it is complete.
struct Page<'a, R>(&'a mut R);

impl<'de, R: Rows> DeserializeSeed<'de> for Page<'_, R> {
    type Value = PageEnd;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PageEnd, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: Rows> Visitor<'de> for Page<'_, R> {
    type Value = PageEnd;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Table or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PageEnd, A::Error> {
        let mut end = PageEnd::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "columnDefinitions" => end.columns = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "metadata" => end.metadata = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "apiVersion" => end.api_version = map.next_value()?,
                "kind" => end.kind = map.next_value()?,
                "rows" | "items" => {
                    let item_of = (key == "items").then(|| (end.api_version.clone(), end.kind.clone()));
                    map.next_value_seed(Items { rows: &mut *self.0, item_of })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(end)
    }
}

struct Items<'a, R> {
    rows: &'a mut R,
    /// For a plain list, the list's own `apiVersion` and `kind`.
    item_of: Option<(String, String)>,
}

impl<'de, R: Rows> DeserializeSeed<'de> for Items<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Rows> Visitor<'de> for Items<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    /// Go writes an empty slice that was never made as `null`.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        #[derive(serde::Deserialize)]
        struct TableRow {
            #[serde(default)]
            cells: Option<Vec<Value>>,
            object: Value,
        }
        match self.item_of {
            None => {
                while let Some(TableRow { cells, object }) = items.next_element()? {
                    self.rows.row(Row { cells: cells.unwrap_or_default(), object });
                }
            }
            Some((api_version, kind)) => {
                let kind = kind.strip_suffix("List").unwrap_or(&kind);
                while let Some(mut object) = items.next_element::<Value>()? {
                    // A list that says its kind only after its items leaves theirs unknown.
                    if let Some(fields) = object.as_object_mut().filter(|_| !kind.is_empty()) {
                        fields.entry("apiVersion").or_insert_with(|| api_version.as_str().into());
                        fields.entry("kind").or_insert_with(|| kind.into());
                    }
                    self.rows.row(Row { cells: Vec::new(), object });
                }
            }
        }
        Ok(())
    }
}

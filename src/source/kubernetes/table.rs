//! Owns lists: paged Tables whose rows include their objects. Each row is parsed as soon as it has arrived, so that memory
//! holds one row, not one page.
//!
//! A page that breaks is requested again, and a list whose continuation token expired starts again. The rows that came
//! before are known by the hashes of their keys, and are not handed over twice.

use super::client::{Answer, Kubernetes};
use crate::source::{BodyStream, SourceError, rows::JsonRowSplitter};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;
use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};
use tokio::task::JoinSet;

/// Asks for a Table, and accepts a plain list from servers that render none.
const AS_TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json";
const AS_METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// kubectl's own page size.
const PAGE: usize = 500;
/// Bytes of one row, or of all that is around the rows. An object in etcd has at most 1.5 MiB.
const LIMIT: usize = 16 << 20;
/// Pages in a row without a new object, after which a list is taken to have no end. One may be empty if the selector
/// matches none of its objects.
const NOTHING_NEW: usize = 100;

/// One object of a list, and its printed columns.
#[derive(Clone, Debug)]
pub struct Row<O> {
    /// The printed columns; empty if the server renders no Table.
    pub cells: Vec<Value>,
    /// The object, read as the caller's type.
    pub object: O,
}

/// The type that a listed object is read as: all of it, or the part that is needed.
pub trait Object: DeserializeOwned + Send {
    /// Namespace, name and UID, as far as they are read: they distinguish it from all others of the list.
    fn key(&self) -> [&str; 3];
    /// Sets `apiVersion` and `kind`, which the items of a plain list leave to the list.
    fn set_type(&mut self, _api_version: &str, _kind: &str) {}
}

impl Object for Value {
    fn key(&self) -> [&str; 3] {
        ["namespace", "name", "uid"].map(|key| self["metadata"][key].as_str().unwrap_or_default())
    }

    fn set_type(&mut self, api_version: &str, kind: &str) {
        if let Some(fields) = self.as_object_mut() {
            fields.entry("apiVersion").or_insert_with(|| api_version.into());
            fields.entry("kind").or_insert_with(|| kind.into());
        }
    }
}

/// Receives the rows of a list as they arrive.
pub trait Rows: Send {
    /// The type that the objects are read as.
    type Object: Object;
    /// Called before the first row, and again after a restart.
    fn begins(&mut self, _head: &ListHead) {}
    /// Called once for each object.
    fn row(&mut self, row: Row<Self::Object>);
    /// Called every few rows; no more rows come until it ends.
    fn pause(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What a list says before its rows.
#[derive(Clone, Debug, Default)]
pub struct ListHead {
    /// `columnDefinitions` of the Table; empty for a plain list.
    pub columns: Vec<Value>,
    /// `metadata.resourceVersion` of the list.
    pub resource_version: String,
    /// The continuation token expired, so the list started again, and its end is newer than its beginning.
    pub restarted: bool,
}

impl Kubernetes {
    /// Lists `path` (whose query must not have `limit` or `continue`) and hands each row over as soon as it is parsed.
    /// The next page is requested while this one still arrives. If a continuation token expires (410), the list starts
    /// again without pages. A page that breaks, or that the server fails to give (500), is requested again.
    ///
    /// # Errors
    /// If a page cannot be read to its end. `rows` has received the rows before that.
    pub async fn list<R: Rows>(&self, path: &str, metadata_only: bool, rows: &mut R) -> Result<ListHead, SourceError> {
        let accept = if metadata_only { AS_METADATA } else { AS_TABLE };
        let joiner = if path.contains('?') { '&' } else { '?' };
        let include = if metadata_only { "" } else { "&includeObject=Object" };
        let request = |limit: usize, token: &str| {
            let page = format!("{path}{joiner}limit={limit}{include}{}", continuation(token));
            let kubernetes = self.clone();
            async move { kubernetes.get(&page, accept).await }
        };
        let mut listing = Listing { rows, head: None, hasher: RandomState::new(), seen: HashSet::new() };
        let (mut limit, mut token) = (PAGE, String::new());
        let (mut restarted, mut attempt, mut nothing_new) = (false, 1, 0);
        // Dropping it cancels the request for the next page.
        let mut ahead = JoinSet::new();
        ahead.spawn(request(limit, &token));
        while let Some(answer) = ahead.join_next().await {
            let before = listing.seen.len();
            let read = match answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
                Ok(Answer { body, .. }) => listing.page(body, |token| drop(ahead.spawn(request(limit, token)))).await,
                Err(error) => Err(error),
            };
            match read {
                Ok(next) => {
                    attempt = 1;
                    nothing_new = if listing.seen.len() == before { nothing_new + 1 } else { 0 };
                    if nothing_new == NOTHING_NEW || !next.is_empty() && next == token {
                        return Err(SourceError::Broken("the list does not end: its pages repeat themselves".into()));
                    }
                    token = next;
                }
                Err(error) if error.code() == Some(410) && listing.head.is_some() && limit > 0 => {
                    restarted = true;
                    listing.head = None;
                    (limit, token) = (0, String::new());
                    ahead.spawn(request(limit, &token));
                }
                Err(error @ (SourceError::Broken(_) | SourceError::Status { code: 500, .. })) => {
                    self.wait_after_break(&mut attempt, error).await?;
                    ahead = JoinSet::new();
                    ahead.spawn(request(limit, &token));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(ListHead { restarted, ..listing.head.unwrap_or_default() })
    }
}

fn continuation(token: &str) -> String {
    if token.is_empty() {
        return String::new();
    }
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    format!("&continue={token}")
}

/// A list without its rows. Go writes an empty slice or map as `null`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListFrame {
    column_definitions: Option<Vec<Value>>,
    metadata: Option<ListMeta>,
    /// With `kind`, the type of a plain list.
    api_version: String,
    kind: String,
    /// Only in a plain list, and empty, since the splitter took its rows out.
    items: Option<Vec<IgnoredAny>>,
    /// The same in a Table.
    rows: Option<Vec<IgnoredAny>>,
}

impl ListFrame {
    fn is_list(&self) -> bool {
        self.items.is_some() || self.rows.is_some() || self.kind == "Table" || self.kind.ends_with("List")
    }

    /// The token of the next page, if there is one and it has arrived.
    fn token(&self) -> Option<&str> {
        Some(self.metadata.as_ref()?.token.as_str()).filter(|token| !token.is_empty())
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    token: String,
}

/// The pages of one list, as they are read.
struct Listing<'a, R> {
    rows: &'a mut R,
    /// Set from the first page on.
    head: Option<ListHead>,
    hasher: RandomState,
    /// The hashes of the keys of the objects that were handed over.
    seen: HashSet<u64>,
}

impl<R: Rows> Listing<'_, R> {
    /// Reads a page, and returns the token of the next one; empty if this was the last. `request` is called with the token
    /// as soon as it has arrived.
    async fn page(&mut self, mut body: BodyStream, mut request: impl FnMut(&str)) -> Result<String, SourceError> {
        let mut splitter = JsonRowSplitter::of_list();
        let mut frame = None;
        let mut is_requested = false;
        while let Some(chunk) = body.chunk().await? {
            splitter.push(&chunk, |around, row| self.row(&mut frame, around, row))?;
            if splitter.held() > LIMIT {
                return Err(SourceError::TooLarge { limit: LIMIT });
            }
            if let Some(token) = frame.as_ref().and_then(ListFrame::token).filter(|_| !is_requested) {
                is_requested = true;
                request(token);
            }
            self.rows.pause().await;
        }
        // Again, because only now it is complete.
        let frame = parse(splitter.frame())?;
        self.begin(&frame);
        let token = frame.token().unwrap_or_default().to_owned();
        if !is_requested && !token.is_empty() {
            request(&token);
        }
        Ok(token)
    }

    /// Takes a row; `frame` is set from the page's first row on: an API server sends it before the rows.
    fn row(&mut self, frame: &mut Option<ListFrame>, around: &[u8], row: &[u8]) -> Result<(), SourceError> {
        #[derive(Deserialize)]
        struct TableRow<O> {
            #[serde(default)]
            cells: Option<Vec<Value>>,
            object: O,
        }
        let list = match frame {
            Some(frame) => frame,
            None => {
                let parsed = parse(&[around, b"]}"].concat())?;
                self.begin(&parsed);
                frame.insert(parsed)
            }
        };
        let (cells, object) = if list.items.is_none() {
            let TableRow { cells, object } = serde_json::from_slice(row).map_err(SourceError::Parse)?;
            (cells.unwrap_or_default(), object)
        } else {
            let mut object: R::Object = serde_json::from_slice(row).map_err(SourceError::Parse)?;
            let kind = list.kind.strip_suffix("List").unwrap_or(&list.kind);
            // If a list says its kind only after its items, theirs stay unknown.
            if !kind.is_empty() {
                object.set_type(&list.api_version, kind);
            }
            (Vec::new(), object)
        };
        if self.seen.insert(self.hasher.hash_one(object.key())) {
            self.rows.row(Row { cells, object });
        }
        Ok(())
    }

    fn begin(&mut self, frame: &ListFrame) {
        if self.head.is_none() {
            let version = frame.metadata.as_ref().map(|metadata| metadata.resource_version.clone());
            let columns = frame.column_definitions.clone().unwrap_or_default();
            let resource_version = version.unwrap_or_default();
            self.rows.begins(self.head.insert(ListHead { columns, resource_version, restarted: false }));
        }
    }
}

/// Reads what is around the rows of a list.
fn parse(frame: &[u8]) -> Result<ListFrame, SourceError> {
    let parsed: ListFrame =
        serde_json::from_slice(frame).map_err(|error| SourceError::unexpected("a list", frame, error))?;
    if parsed.is_list() { Ok(parsed) } else { Err(SourceError::other_body("a list", frame)) }
}

//! Owns lists: paged Tables whose rows include their objects. Each row is parsed as soon as it has arrived, so that memory
//! holds one row, not one page.

use super::client::Kubernetes;
use crate::source::{SourceError, rows::JsonRowSplitter};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;
use tokio::task::JoinSet;

/// Asks for a Table, and accepts a plain list from servers that render none.
const AS_TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json";
const AS_METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// kubectl's own page size.
const PAGE: usize = 500;

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
    /// Sets `apiVersion` and `kind`, which the items of a plain list leave to the list.
    fn set_type(&mut self, _api_version: &str, _kind: &str) {}
}

impl Object for Value {
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
    /// Called for each row.
    fn row(&mut self, row: Row<Self::Object>);
    /// Called every few rows; no more rows come until it ends.
    fn pause(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
    /// The list starts again, because its continuation token expired. Rows come again, some in a later state.
    fn restart(&mut self);
}

/// What a list says before its rows.
#[derive(Clone, Debug, Default)]
pub struct ListHead {
    /// `columnDefinitions` of the Table; empty for a plain list.
    pub columns: Vec<Value>,
    /// `metadata.resourceVersion` of the list.
    pub resource_version: String,
}

impl Kubernetes {
    /// Lists `path` (whose query must not have `limit` or `continue`) and hands each row over as soon as it is parsed.
    /// The next page is requested while this one still arrives. If a continuation token expires (410), the list starts
    /// again without pages.
    ///
    /// # Errors
    /// If a page cannot be read to its end. `rows` has received the rows before that.
    pub async fn list<R: Rows>(&self, path: &str, metadata_only: bool, rows: &mut R) -> Result<ListHead, SourceError> {
        let accept = if metadata_only { AS_METADATA } else { AS_TABLE };
        let joiner = if path.contains('?') { '&' } else { '?' };
        let include = if metadata_only { "" } else { "&includeObject=Object" };
        let page = |limit: usize, token: &str| {
            let page = format!("{path}{joiner}limit={limit}{include}{}", continuation(token));
            let kubernetes = self.clone();
            async move { kubernetes.get(&page, accept).await }
        };
        let mut limit = PAGE;
        let mut head = None;
        // Dropping it cancels the request for the next page.
        let mut ahead = JoinSet::new();
        ahead.spawn(page(limit, ""));
        while let Some(answer) = ahead.join_next().await {
            let mut body = match answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
                Ok(answer) => answer.body,
                Err(error) if error.code() == Some(410) && head.is_some() && limit > 0 => {
                    rows.restart();
                    limit = 0;
                    head = None;
                    ahead.spawn(page(limit, ""));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut parser = Page { rows: &mut *rows, head: &mut head, frame: None };
            let mut splitter = JsonRowSplitter::of_list();
            while let Some(chunk) = body.chunk().await? {
                splitter.push(&chunk, |frame, row| parser.row(frame, row)).map_err(SourceError::Parse)?;
                if let Some(token) = parser.token().filter(|_| ahead.is_empty()) {
                    ahead.spawn(page(limit, token));
                }
                parser.rows.pause().await;
            }
            parser.end(splitter.frame()).map_err(SourceError::Parse)?;
            if let Some(token) = parser.token().filter(|_| ahead.is_empty()) {
                ahead.spawn(page(limit, token));
            }
        }
        Ok(head.unwrap_or_default())
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
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    token: String,
}

/// Parses the rows of one page.
struct Page<'a, R> {
    rows: &'a mut R,
    /// Set from the first page on.
    head: &'a mut Option<ListHead>,
    /// Set from this page's first row on: an API server sends it before the rows.
    frame: Option<ListFrame>,
}

impl<R: Rows> Page<'_, R> {
    fn row(&mut self, frame: &[u8], row: &[u8]) -> serde_json::Result<()> {
        #[derive(Deserialize)]
        struct TableRow<O> {
            #[serde(default)]
            cells: Option<Vec<Value>>,
            object: O,
        }
        if self.frame.is_none() {
            self.begin(serde_json::from_slice(&[frame, b"]}"].concat())?);
        }
        let list = self.frame.as_ref().filter(|frame| frame.items.is_some());
        let (cells, object) = match list {
            None => {
                let TableRow { cells, object } = serde_json::from_slice(row)?;
                (cells.unwrap_or_default(), object)
            }
            Some(list) => {
                let mut object: R::Object = serde_json::from_slice(row)?;
                let kind = list.kind.strip_suffix("List").unwrap_or(&list.kind);
                // If a list says its kind only after its items, theirs stay unknown.
                if !kind.is_empty() {
                    object.set_type(&list.api_version, kind);
                }
                (Vec::new(), object)
            }
        };
        self.rows.row(Row { cells, object });
        Ok(())
    }

    fn end(&mut self, frame: &[u8]) -> serde_json::Result<()> {
        // Again, because only now it is complete.
        self.begin(serde_json::from_slice(frame)?);
        Ok(())
    }

    fn begin(&mut self, frame: ListFrame) {
        if self.head.is_none() {
            let version = frame.metadata.as_ref().map(|metadata| metadata.resource_version.clone());
            let columns = frame.column_definitions.clone().unwrap_or_default();
            let head = self.head.insert(ListHead { columns, resource_version: version.unwrap_or_default() });
            self.rows.begins(head);
        }
        self.frame = Some(frame);
    }

    /// The token of the next page, if there is one and it has arrived.
    fn token(&self) -> Option<&str> {
        let metadata = self.frame.as_ref()?.metadata.as_ref()?;
        Some(metadata.token.as_str()).filter(|token| !token.is_empty())
    }
}

//! Lists as the API server renders them: a Table whose rows carry their objects, paged, and parsed
//! row by row while the bytes still come, so that memory holds one row and not one page.

use super::{super::cutter::Cutter, Kubernetes, SourceError};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;
use tokio::task::JoinSet;

/// Asks for a Table, and takes a plain list from servers that make none.
const AS_TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json";
const AS_METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// kubectl's own page size.
const PAGE: usize = 500;

/// One object of a list, and how the server prints it.
#[derive(Clone, Debug)]
pub struct Row<O> {
    /// Printed columns; empty where the server makes no tables.
    pub cells: Vec<Value>,
    /// The object.
    pub object: O,
}

/// What an object is read as: all of it, or what is needed of it.
pub trait Object: DeserializeOwned + Send {
    /// An item of a plain list leaves out what its list says.
    fn is_of(&mut self, _api_version: &str, _kind: &str) {}
}

impl Object for Value {
    fn is_of(&mut self, api_version: &str, kind: &str) {
        if let Some(fields) = self.as_object_mut() {
            fields.entry("apiVersion").or_insert_with(|| api_version.into());
            fields.entry("kind").or_insert_with(|| kind.into());
        }
    }
}

/// Takes the rows of a list as they come.
pub trait Rows: Send {
    /// What the objects are read as.
    type Object: Object;
    /// The first row is next; told again only after a restart.
    fn begins(&mut self, _head: &ListHead) {}
    /// The next row.
    fn row(&mut self, row: Row<Self::Object>);
    /// Called every few rows: more come when it ends.
    fn pause(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
    /// The list starts again, because its continuation expired: rows that were seen come again,
    /// some of them in a later state.
    fn restart(&mut self);
}

/// What a list says of itself as a whole.
#[derive(Clone, Debug, Default)]
pub struct ListHead {
    /// `columnDefinitions` of the Table; empty where there was none.
    pub columns: Vec<Value>,
    /// The version that the list is of.
    pub resource_version: String,
}

impl Kubernetes {
    /// Lists `path` (with its query, which must not hold `limit` or `continue`), handing over each
    /// row as it is parsed. The next page is asked for while this one still comes. A continuation
    /// that expired (410) restarts the list in one piece.
    ///
    /// # Errors
    /// When a page cannot be had whole; `rows` has what came before.
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
        // Dropped, it gives up what it still asks for.
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
            let mut cutter = Cutter::of_list();
            while let Some(chunk) = body.chunk().await? {
                cutter.push(&chunk, |frame, row| parser.row(frame, row)).map_err(SourceError::Parse)?;
                if let Some(token) = parser.token().filter(|_| ahead.is_empty()) {
                    ahead.spawn(page(limit, token));
                }
                parser.rows.pause().await;
            }
            parser.end(cutter.frame()).map_err(SourceError::Parse)?;
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

/// A list but for its rows. Go writes a slice or a map that was never made as `null`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Frame {
    column_definitions: Option<Vec<Value>>,
    metadata: Option<ListMeta>,
    /// With `kind` that of a plain list.
    api_version: String,
    kind: String,
    /// There for a plain list only, and empty: its rows have been cut out.
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
    /// Known from the first page on.
    head: &'a mut Option<ListHead>,
    /// Known from this page's first row on: an API server says what a list is before its rows.
    frame: Option<Frame>,
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
                // A list that says its kind only after its items leaves theirs unknown.
                if !kind.is_empty() {
                    object.is_of(&list.api_version, kind);
                }
                (Vec::new(), object)
            }
        };
        self.rows.row(Row { cells, object });
        Ok(())
    }

    fn end(&mut self, frame: &[u8]) -> serde_json::Result<()> {
        // Also when it is known: only now is it whole.
        self.begin(serde_json::from_slice(frame)?);
        Ok(())
    }

    fn begin(&mut self, frame: Frame) {
        if self.head.is_none() {
            let version = frame.metadata.as_ref().map(|metadata| metadata.resource_version.clone());
            let columns = frame.column_definitions.clone().unwrap_or_default();
            let head = self.head.insert(ListHead { columns, resource_version: version.unwrap_or_default() });
            self.rows.begins(head);
        }
        self.frame = Some(frame);
    }

    /// The token of the next page, once it is known and if there is one.
    fn token(&self) -> Option<&str> {
        let metadata = self.frame.as_ref()?.metadata.as_ref()?;
        Some(metadata.token.as_str()).filter(|token| !token.is_empty())
    }
}

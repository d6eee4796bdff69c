//! Owns what a request to the API server asks for, read from its path and query.

use super::{place::Place, selectors::FieldSelector};
use http::{Method, Request};
use kube::client::Body;
use std::collections::HashMap;

/// A request that evidence can answer.
#[derive(Debug)]
pub(super) enum ApiRequest {
    /// Any other path: `/version`, a document of discovery, a health endpoint such as `/readyz`, or a subresource.
    Document(String),
    Log {
        namespace: String,
        pod: String,
        query: HashMap<String, String>,
    },
    /// Through the API server to a pod's endpoint: the whole path.
    Proxy(String),
    Get {
        place: Place,
        name: String,
    },
    List {
        place: Place,
        query: ListQuery,
    },
}

/// Which objects of a list are wanted, and in which form.
#[derive(Debug, Default)]
pub(super) struct ListQuery {
    pub(super) labels: Option<String>,
    pub(super) fields: FieldSelector,
    /// Rows of a page; 0 for all.
    pub(super) limit: usize,
    /// Where the page begins: the token of a page is the number of rows before the next.
    pub(super) from: usize,
    pub(super) include_object: String,
}

impl ApiRequest {
    /// Reads a request; none for one that would change something.
    pub(super) fn of(request: &Request<Body>) -> Option<Self> {
        if request.method() != Method::GET {
            return None;
        }
        let path = request.uri().path();
        let query: HashMap<String, String> =
            form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
        Some(Self::read(path, query))
    }

    fn read(path: &str, query: HashMap<String, String>) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (group, version, rest) = match segments[..] {
            ["api", version, ref rest @ ..] if !rest.is_empty() => ("", version, rest),
            ["apis", group, version, ref rest @ ..] if !rest.is_empty() => (group, version, rest),
            _ => return Self::Document(path.trim_end_matches('/').to_owned()),
        };
        let (namespace, rest) = match *rest {
            ["namespaces", namespace, ref rest @ ..] if !rest.is_empty() => (Some(namespace), rest),
            _ => (None, rest),
        };
        if let (Some(namespace), ["pods", pod, "log"]) = (namespace, rest) {
            return Self::Log { namespace: namespace.to_owned(), pod: (*pod).to_owned(), query };
        }
        if rest.get(2) == Some(&"proxy") {
            return Self::Proxy(path.to_owned());
        }
        let place = Place::new(group, version, namespace, rest[0]);
        match rest {
            [_, name] => Self::Get { place, name: (*name).to_owned() },
            [_] => Self::List { place, query: ListQuery::of(&query) },
            _ => Self::Document(path.to_owned()),
        }
    }
}

impl ListQuery {
    pub(super) fn of(query: &HashMap<String, String>) -> Self {
        let text = |key: &str| query.get(key).filter(|text| !text.is_empty());
        let number = |key: &str| text(key).and_then(|text| text.parse().ok()).unwrap_or_default();
        Self {
            labels: text("labelSelector").cloned(),
            fields: FieldSelector::of(text("fieldSelector").map_or("", String::as_str)),
            limit: number("limit"),
            from: number("continue"),
            include_object: text("includeObject").cloned().unwrap_or_default(),
        }
    }
}

//! The rows of the differential test, a file for each part of a login.

mod clients;
mod files;
mod logins;
mod plugins;
mod proxies;
mod servers;
mod trust;

use super::{
    as_kubectl::{Row, Wanted},
    case::Case,
};

/// Collects rows of one kind.
struct Rows {
    kind: &'static str,
    rows: Vec<Row>,
}

impl Rows {
    fn new(kind: &'static str) -> Self {
        Self { kind, rows: Vec::new() }
    }

    fn row(&mut self, wanted: Wanted, name: impl Into<String>, case: impl Fn() -> Case + Send + Sync + 'static) {
        self.rows.push(Row { kind: self.kind, name: name.into(), wanted, case: Box::new(case) });
    }

    fn works(&mut self, name: impl Into<String>, case: impl Fn() -> Case + Send + Sync + 'static) {
        self.row(Wanted::Works, name, case);
    }

    fn fails(&mut self, name: impl Into<String>, case: impl Fn() -> Case + Send + Sync + 'static) {
        self.row(Wanted::Fails, name, case);
    }

    fn ours(&mut self, why: &'static str, name: impl Into<String>, case: impl Fn() -> Case + Send + Sync + 'static) {
        self.row(Wanted::OnlyOurs(why), name, case);
    }
}

/// A login by OpenID Connect, whose old token has expired.
pub(super) fn refreshed() -> Case {
    logins::expired()
}

pub(super) fn all() -> Vec<Row> {
    let parts = [trust::rows, clients::rows, logins::rows, plugins::rows, files::rows, servers::rows, proxies::rows];
    parts.iter().flat_map(|rows| rows()).collect()
}

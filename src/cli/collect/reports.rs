//! The report of a bundle: what it is made of beside the manifest, and its files.

use crate::{
    bundle::{EntryPath, Manifest, SoFar, facts::Facts, findings::Findings, layout},
    redact::{Clean, Redactor},
    report::{self, Series},
};
use std::io::Read;

/// The curves of the answers that are in the bundle.
pub(super) fn curves(manifest: &Manifest, so_far: &SoFar) -> Vec<Series> {
    let of = |query: &crate::bundle::QueryRecord| {
        let entry = so_far.open_entry(layout::query(&query.cluster, &query.id).as_str()).ok()?;
        let mut text = String::new();
        // One byte more than is read, which tells that it is too large.
        entry.take(report::ANSWER_BYTES as u64 + 1).read_to_string(&mut text).ok()?;
        Some(report::series(query, &text))
    };
    manifest.queries.iter().filter_map(of).flatten().collect()
}

/// `report.html` and `report.md`.
pub(super) fn files(
    manifest: &Manifest,
    findings: &Findings,
    facts: &Facts,
    series: &[Series],
    redactor: &Redactor,
) -> [(EntryPath, Clean); 2] {
    let page = report::page(manifest, findings, facts, series);
    let markdown = report::markdown(manifest, findings, facts);
    [(layout::report_html(), redactor.page(&page).0), (layout::report_md(), redactor.text(markdown.as_bytes()).0)]
}

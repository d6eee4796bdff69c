//! The report of a bundle: what it is made of beside the manifest, and its files.

use crate::{
    bundle::{EntryPath, Manifest, SoFar, facts::Facts, findings::Findings, layout},
    redact::{Clean, Redactor},
    report::{self, Series},
};

/// The curves of the answers that are in the bundle.
pub(super) fn curves(manifest: &Manifest, so_far: &SoFar) -> Vec<Series> {
    let of = |query: &crate::bundle::QueryRecord| {
        let path = layout::query(&query.cluster, &query.id);
        so_far.size(path.as_str()).filter(|bytes| *bytes <= report::ANSWER_BYTES)?;
        Some(report::series(query, so_far.open_entry(path.as_str()).ok()?))
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

//! Owns the files that say what is in a bundle: facts, findings, reports, README.txt, each cluster's, and the manifest.

use crate::{
    bundle::{EntryPath, FinalPaths, Manifest, QueryRecord, SoFar, facts::Facts, findings::Findings, layout},
    facts::queries,
    plan::Request,
    redact::{Clean, Redactor},
    report::{self, Series},
};
use chrono::{DateTime, Utc};

/// What the last files are made of.
pub(super) struct Sources<'a> {
    pub(super) request: &'a Request,
    pub(super) started: DateTime<Utc>,
    pub(super) facts: &'a Facts,
    pub(super) findings: &'a Findings,
    /// The answers of the Prometheus are read from here.
    pub(super) so_far: &'a SoFar,
    pub(super) settled: &'a FinalPaths,
    pub(super) redactor: &'a Redactor,
}

/// The last files, the manifest last of all. Adds the records of the others to `manifest`.
pub(super) fn last_files(manifest: &mut Manifest, of: &Sources<'_>) -> Vec<(EntryPath, Clean)> {
    let redactor = of.redactor;
    let mut files = Vec::new();
    for cluster in &manifest.clusters {
        files.push((layout::cluster_json(&cluster.name), redactor.pretty_json(cluster)));
        let asked = queries::text(of.request, &manifest.identity, cluster, &manifest.queries, of.started);
        if let (None, Some(text)) = (&cluster.error, asked) {
            files.push((layout::queries_text(&cluster.name), redactor.text(text.as_bytes()).0));
        }
    }
    // For programs, and the largest of these: without blanks it is scanned in half the time.
    files.push((layout::facts(), redactor.json(of.facts)));
    files.push((layout::findings(), redactor.pretty_json(of.findings)));
    let page = report::page(manifest, of.findings, of.facts, &curves(manifest, of.so_far));
    files.push((layout::report_html(), redactor.page(&page).0));
    let markdown = report::markdown(manifest, of.findings, of.facts);
    files.push((layout::report_md(), redactor.text(markdown.as_bytes()).0));
    files.push((layout::readme(), redactor.text(report::readme(manifest).as_bytes()).0));
    for (path, clean) in &files {
        let mut record = of.settled.measure(path, clean);
        env!("CARGO_PKG_NAME").clone_into(&mut record.source);
        manifest.entries.push(record);
    }
    manifest.entries.sort_by(|one, other| one.path.cmp(&other.path));
    files.push((layout::manifest(), redactor.pretty_json(manifest)));
    files
}

/// The curves of the answers that are in the bundle.
fn curves(manifest: &Manifest, so_far: &SoFar) -> Vec<Series> {
    let of = |query: &QueryRecord| {
        let path = layout::query(&query.cluster, &query.id);
        so_far.size(path.as_str()).filter(|bytes| *bytes <= report::ANSWER_BYTES)?;
        Some(report::series(query, so_far.open_entry(path.as_str()).ok()?))
    };
    manifest.queries.iter().filter_map(of).flatten().collect()
}

//! Owns the manifest of a copy: that of the full bundle, without what was left out, and with a record of it. Also owns
//! the copy's README, and the exact size of its zip.

use super::{
    lines::Thinned,
    source::{Piece, Role, Source},
};
use crate::{
    bundle::{
        compress::{Compressor, CountingSink},
        coverage::{Coverage, Gap, GapCause, Interval},
        final_paths::PLACEHOLDER,
        fitted::{Fitted, LeftOut},
        format::{CheckState, EntryRecord, Manifest},
        layout::{self, EntryPath},
        zip_headers::{self, DosTime, EntryHeader},
    },
    redact::Clean,
    text::counted,
};
use std::collections::HashMap;

/// What the caller makes for a copy: this room cannot make [`Clean`] bytes.
pub struct Words<'a> {
    /// README.txt for a manifest.
    pub readme: &'a dyn Fn(&Manifest) -> Clean,
    /// manifest.json itself.
    pub manifest: &'a dyn Fn(&Manifest) -> Clean,
}

/// Which of the full bundle's entries a copy has.
#[derive(Clone)]
pub(super) struct Contents<'a> {
    /// Most bytes of the copy.
    pub(super) max: u64,
    /// The entries in the copy, in their order there.
    pub(super) kept: Vec<&'a Piece<'a>>,
    /// The entries that are not in the copy.
    pub(super) given_up: Vec<&'a Piece<'a>>,
    /// The logs that are not whole, by path.
    pub(super) thinned: HashMap<&'a str, Thinned>,
    /// Remarks for the manifest.
    pub(super) remarks: Vec<String>,
}

/// The last files of a copy, and its size.
pub(super) struct LastFiles {
    pub(super) files: Vec<(EntryPath, Clean)>,
    pub(super) fitted: Fitted,
    /// Size of the whole zip in bytes.
    pub(super) total: u64,
}

impl Contents<'_> {
    fn header(&self, piece: &Piece<'_>, time: DosTime) -> EntryHeader {
        let whole = || EntryHeader { crc: piece.info.crc, compressed: piece.size, bytes: piece.info.bytes, time };
        self.thinned.get(piece.path()).map_or_else(whole, |thinned| thinned.header)
    }

    /// README.txt and manifest.json, and the size of a zip that ends with them.
    pub(super) fn last_files(&self, source: &Source<'_>, words: &Words<'_>) -> LastFiles {
        let time = DosTime::of(source.manifest().started);
        let mut manifest = self.manifest(source);
        let readme = (words.readme)(&manifest);
        let (of_readme, sha256) = packed(&readme, time);
        let mut record = EntryRecord::new(layout::README.to_owned(), of_readme.bytes, of_readme.compressed, sha256);
        env!("CARGO_PKG_NAME").clone_into(&mut record.source);
        manifest.entries.push(record);
        manifest.entries.sort_by(|one, other| one.path.cmp(&other.path));
        let text = (words.manifest)(&manifest);
        let (of_manifest, _) = packed(&text, time);
        let kept = self.kept.iter().map(|piece| (piece.path(), self.header(piece, time)));
        let last = [(layout::README, of_readme), (layout::MANIFEST, of_manifest)];
        let total = total(source.name.as_str(), kept.chain(last));
        let files = vec![(layout::readme(), readme), (layout::manifest(), text)];
        LastFiles { files, fitted: manifest.fitted.unwrap_or_default(), total }
    }

    /// The manifest without a record of the README, which is made from it.
    fn manifest(&self, source: &Source<'_>) -> Manifest {
        let mut manifest = source.manifest().clone();
        let fitted = self.fitted(source);
        let sizes: HashMap<&str, u64> = self.kept.iter().map(|piece| (piece.path(), piece.size)).collect();
        manifest.entries.retain(|record| sizes.contains_key(record.path.as_str()));
        for record in &mut manifest.entries {
            record.compressed = sizes.get(record.path.as_str()).copied().unwrap_or(record.compressed);
            if let Some(thinned) = self.thinned.get(record.path.as_str()) {
                thin(record, thinned);
            }
        }
        self.thin_containers(&mut manifest, source.manifest());
        for task in &mut manifest.tasks {
            task.entries.retain(|path| sizes.contains_key(path.as_str()));
        }
        manifest.redactions_total = manifest.entries.iter().flat_map(|entry| entry.redactions.values()).sum();
        let said = self.say(&fitted, manifest.incident_start.is_some());
        if let Some(logs) = manifest.checklist.iter_mut().find(|item| item.id == "logs" && fitted.logs > 0) {
            if logs.state == CheckState::Yes {
                logs.state = CheckState::Partial;
            }
            let ours = format!("{} lines were left out to make this copy smaller", fitted.lines.words());
            let mut details: Vec<&str> = logs.detail.split("; ").filter(|detail| !detail.is_empty()).collect();
            // After what the copy has, before what it lacks.
            details.insert(details.len().min(1), &ours);
            logs.detail = details.join("; ");
        }
        manifest.remarks.extend(said);
        manifest.remarks.extend_from_slice(&self.remarks);
        manifest.fitted = Some(fitted);
        manifest
    }

    /// Removes from a container's coverage what only its thinned logs covered.
    fn thin_containers(&self, manifest: &mut Manifest, full: &Manifest) {
        let mut logs: HashMap<&str, Vec<&EntryRecord>> = HashMap::new();
        for record in full.entries.iter().filter(|record| record.coverage.is_some()) {
            logs.entry(record.task.trim_end_matches("/previous")).or_default().push(record);
        }
        for held in &mut manifest.containers {
            let Some(records) = logs.get(held.log_task().as_str()) else { continue };
            let covered = |thinned: bool| -> Vec<Interval> {
                let of = records.iter().filter(|record| self.thinned.contains_key(record.path.as_str()) == thinned);
                of.filter_map(|record| record.coverage.as_ref()).flat_map(|coverage| coverage.covered.clone()).collect()
            };
            let lost = without(&covered(true), &covered(false));
            if lost.is_empty() {
                continue;
            }
            held.covered = without(&held.covered, &lost);
            let gaps = std::mem::take(&mut held.gaps);
            held.gaps = with_gaps(gaps, &lost, "lines were left out of this copy");
            held.complete = false;
        }
    }

    fn fitted(&self, source: &Source<'_>) -> Fitted {
        let mut lines = LeftOut::default();
        self.thinned.values().for_each(|thinned| lines.add_all(thinned.left_out));
        let mut files: Vec<String> = self.given_up.iter().map(|piece| piece.record.path.clone()).collect();
        files.sort();
        Fitted {
            max_bytes: self.max,
            bundle: source.path().file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bytes: source.bytes,
            sha256: source.sha256.clone(),
            files,
            logs: self.thinned.len() as u64,
            lines,
        }
    }

    fn say(&self, fitted: &Fitted, has_incident: bool) -> Vec<String> {
        let mut said = vec![format!(
            "This is a smaller copy of {} (SHA-256 {}), made to be at most {} bytes.",
            fitted.bundle, fitted.sha256, fitted.max_bytes
        )];
        let count = |role| self.given_up.iter().filter(|piece| piece.role == role).count() as u64;
        let files: Vec<String> = [(count(Role::Description), "description"), (count(Role::Object), "YAML file")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| counted(count, noun))
            .collect();
        if !files.is_empty() {
            said.push(format!(
                "Left out: {}, which can be generated again from the rest; \"fitted\" in manifest.json names them.",
                files.join(" and ")
            ));
        }
        if fitted.logs > 0 {
            let near = if has_incident { "the incident" } else { "the window's end, because no incident was given," };
            said.push(format!(
                "Left out of {}: {} lines. Debug lines go first, then info, warn and error, and within a level those \
                 farthest from {near} in time; a marker stands where lines are missing.",
                counted(fitted.logs, "log"),
                fitted.lines.words(),
            ));
        }
        said
    }
}

/// Updates the record of a log. What it lacked before, it still lacks.
fn thin(record: &mut EntryRecord, thinned: &Thinned) {
    record.bytes = thinned.header.bytes;
    record.compressed = thinned.header.compressed;
    record.sha256.clone_from(&thinned.sha256);
    let coverage = record.coverage.take().unwrap_or_default();
    let left_out = format!("{} lines were left out of this copy", thinned.left_out.words());
    let gap = coverage.gap.as_ref().map_or_else(|| left_out.clone(), |before| format!("{left_out}; {before}"));
    // A run that ended before the window has no lines in it, so its log lacks none, however many are kept.
    let is_outside = coverage.covered.is_empty() && !coverage.gaps.is_empty();
    let gaps = with_gaps(coverage.gaps, &coverage.covered, &left_out);
    record.coverage = Some(Coverage {
        first: thinned.first,
        last: thinned.last,
        lines: thinned.kept,
        complete: is_outside && !gaps.iter().any(|gap| gap.missing),
        gap: Some(gap),
        gap_cause: Some(GapCause::Fitted),
        covered: Vec::new(),
        gaps,
    });
}

/// The old and the new gaps: lines may now be missing anywhere in `lost`.
fn with_gaps(mut gaps: Vec<Gap>, lost: &[Interval], text: &str) -> Vec<Gap> {
    gaps.extend(lost.iter().map(|part| Gap {
        from: part.from,
        to: part.to,
        cause: GapCause::Fitted,
        text: text.to_owned(),
        missing: true,
    }));
    gaps.sort_by_key(|gap| (gap.from, gap.to));
    gaps
}

/// What is left of intervals when others are taken away.
fn without(intervals: &[Interval], others: &[Interval]) -> Vec<Interval> {
    others.iter().fold(intervals.to_vec(), |left, other| {
        let cut = |part: Interval| {
            let before = Interval { from: part.from, to: part.to.min(other.from) };
            let after = Interval { from: part.from.max(other.to), to: part.to };
            [before, after].into_iter().filter(|part| part.from < part.to)
        };
        left.into_iter().flat_map(cut).collect()
    })
}

/// What the headers of an entry with these bytes say, and its SHA-256.
fn packed(clean: &Clean, time: DosTime) -> (EntryHeader, String) {
    let mut compressor = Compressor::new(CountingSink::default());
    // Counting compressed bytes does not use the disk, so nothing can fail.
    let packed = compressor.write(clean.as_bytes()).and_then(|()| compressor.finish(time));
    let none = EntryHeader { crc: 0, compressed: 0, bytes: 0, time };
    packed.map_or((none, String::new()), |packed| (packed.header, packed.sha256))
}

/// Size of a zip of these entries, in this order, below a folder of this name.
fn total<'a>(folder: &str, entries: impl Iterator<Item = (&'a str, EntryHeader)>) -> u64 {
    let mut end = 0;
    let placed: Vec<(String, EntryHeader, u64)> = entries
        .map(|(path, header)| {
            let at = end;
            end += header.local_len(PLACEHOLDER.len() + 1 + path.len()) as u64 + header.compressed;
            (format!("{folder}/{path}"), header, at)
        })
        .collect();
    let directory = zip_headers::directory(placed.iter().map(|(name, header, at)| (name.as_str(), *header, *at)), end);
    end + directory.len() as u64
}

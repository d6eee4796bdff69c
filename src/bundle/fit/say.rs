//! Owns what a copy says of itself: the full bundle's manifest with what was given up taken out of
//! it and named, the README made of that, and the size of the whole zip, to the byte.

use super::{
    Words, plural,
    source::{Piece, Role, Source},
    thin::Thinned,
};
use crate::{
    bundle::{
        CheckState, Coverage, EntryRecord, Fitted, Gap, GapCause, Interval, LeftOut, Manifest,
        compress::{Compressor, Count},
        final_paths::PLACEHOLDER,
        layout::{self, EntryPath},
        zip_headers::{self, DosTime, EntryHeader},
    },
    redact::Clean,
};
use std::collections::HashMap;

/// What becomes of the full bundle's entries.
#[derive(Clone)]
pub(super) struct Shape<'a> {
    pub(super) max: u64,
    /// Those that are in the copy, in their order there.
    pub(super) kept: Vec<&'a Piece<'a>>,
    /// Those that are not.
    pub(super) given_up: Vec<&'a Piece<'a>>,
    /// What became of logs that are not whole, by path.
    pub(super) thinned: HashMap<&'a str, Thinned>,
    /// Compressed sizes that are not those of the full bundle, by path.
    pub(super) packed: HashMap<&'a str, u64>,
    /// What else is to be said.
    pub(super) remarks: Vec<String>,
}

/// The last files of a copy, and what they make of its size.
pub(super) struct Last {
    pub(super) files: Vec<(EntryPath, Clean)>,
    pub(super) fitted: Fitted,
    /// What the manifest takes of it, compressed.
    pub(super) manifest: u64,
    /// Size of the whole zip in bytes.
    pub(super) total: u64,
}

impl<'a> Shape<'a> {
    fn header(&self, piece: &Piece<'_>, time: DosTime) -> EntryHeader {
        let whole = || EntryHeader { crc: piece.info.crc, compressed: self.size(piece), bytes: piece.info.bytes, time };
        self.thinned.get(piece.record.path.as_str()).map_or_else(whole, |thinned| thinned.header)
    }

    /// What all of an entry takes in the copy, compressed.
    pub(super) fn size(&self, piece: &Piece<'_>) -> u64 {
        self.packed.get(piece.record.path.as_str()).copied().unwrap_or(piece.info.compressed)
    }

    /// Says what became of a log. One that lost no line was only compressed anew.
    pub(super) fn settle(&mut self, path: &'a str, thinned: Thinned) {
        if thinned.left_out.total() == 0 {
            self.thinned.remove(path);
            self.packed.insert(path, thinned.header.compressed);
        } else {
            self.thinned.insert(path, thinned);
        }
    }

    /// README.txt and manifest.json, and the size of a zip that ends with them.
    pub(super) fn last(&self, source: &Source<'_>, words: &Words<'_>) -> Last {
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
        let kept = self.kept.iter().map(|piece| (piece.record.path.as_str(), self.header(piece, time)));
        let last = [(layout::README, of_readme), (layout::MANIFEST, of_manifest)];
        let total = total(source.name.as_str(), kept.chain(last));
        let files = vec![(layout::readme(), readme), (layout::manifest(), text)];
        Last { files, fitted: manifest.fitted.unwrap_or_default(), manifest: of_manifest.compressed, total }
    }

    /// The manifest without a record of the README, which is made from it.
    fn manifest(&self, source: &Source<'_>) -> Manifest {
        let mut manifest = source.manifest().clone();
        let fitted = self.fitted(source);
        let sizes: HashMap<&str, u64> =
            self.kept.iter().map(|piece| (piece.record.path.as_str(), self.size(piece))).collect();
        manifest.entries.retain(|record| sizes.contains_key(record.path.as_str()));
        for record in &mut manifest.entries {
            record.compressed = sizes.get(record.path.as_str()).copied().unwrap_or(record.compressed);
            if let Some(thinned) = self.thinned.get(record.path.as_str()) {
                thin(record, thinned, fitted.max_bytes);
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
            // Behind what is there, ahead of what is not.
            details.insert(details.len().min(1), &ours);
            logs.detail = details.join("; ");
        }
        manifest.remarks.extend(said);
        manifest.remarks.extend_from_slice(&self.remarks);
        manifest.fitted = Some(fitted);
        manifest
    }

    /// Takes from what a container's logs cover together what only a log has that is not whole any more.
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
        self.thinned.values().for_each(|thinned| lines.add_all(&thinned.left_out));
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
        let files: Vec<String> = [
            (count(Role::Description), "description", "descriptions"),
            (count(Role::Object), "object as YAML", "objects as YAML"),
        ]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| plural(count, one, many))
        .collect();
        if !files.is_empty() {
            said.push(format!(
                "Given up: {}, which can be made again from what is here; \"fitted\" in manifest.json names them.",
                files.join(" and ")
            ));
        }
        if fitted.logs > 0 {
            let near = if has_incident { "the incident" } else { "the window's end, for no incident was named," };
            said.push(format!(
                "Left out of {}: {} lines. Debug lines go first, then info, warn and error, and of one level those \
                 first that are farthest from {near} in time; a marker stands where any are missing.",
                plural(fitted.logs, "log", "logs"),
                fitted.lines.words(),
            ));
        }
        said
    }
}

/// Says of a log what it is now. What it lacked before, it lacks still.
fn thin(record: &mut EntryRecord, thinned: &Thinned, max: u64) {
    record.bytes = thinned.header.bytes;
    record.compressed = thinned.header.compressed;
    record.sha256.clone_from(&thinned.sha256);
    let coverage = record.coverage.take().unwrap_or_default();
    let mut gap = format!("{} lines were left out to fit {max} bytes", thinned.left_out.words());
    if let Some(before) = &coverage.gap {
        gap.push_str(&format!("; {before}"));
    }
    let left_out = format!("{} lines were left out of this copy", thinned.left_out.words());
    // The lines of a run that was over before the window lack nothing of it, however many are left.
    let is_outside = coverage.covered.is_empty() && !coverage.gaps.is_empty();
    let gaps = with_gaps(coverage.gaps, &coverage.covered, &left_out);
    record.coverage = Some(Coverage {
        first: thinned.first.and_then(|stamp| stamp.time()),
        last: thinned.last.and_then(|stamp| stamp.time()),
        lines: thinned.kept,
        complete: is_outside && !gaps.iter().any(|gap| gap.missing),
        gap: Some(gap),
        gap_cause: Some(GapCause::Fitted),
        covered: Vec::new(),
        gaps,
    });
}

/// The gaps there were, and those that are new: anywhere in `lost` lines may be missing now.
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

/// What an entry of these bytes has in its headers, and its SHA-256.
fn packed(clean: &Clean, time: DosTime) -> (EntryHeader, String) {
    let mut compressor = Compressor::new(Count(0));
    // Counting compressed bytes reaches no disk: there is nothing that could fail.
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

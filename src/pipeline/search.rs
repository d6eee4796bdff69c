//! Owns the search of a bundle's logs for the patterns of a profile, if the run that made it searched for others.

use crate::{
    bundle::{
        BundleReader, EntryPath,
        facts::{Facts, Hit},
    },
    facts::logs::{LogExtractor, Patterns},
    findings,
    profile::Profile,
    redact::{Key, Redactor},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    sync::Arc,
};

/// What is read at a time (bytes).
const CHUNK: usize = 64 << 10;

/// Replaces the logs' hits by those of this profile, unless they are already. The hits of a log stay if the log is no
/// longer in the bundle, was thinned in a smaller copy, has no facts, or cannot be read; the rules that need other hits
/// are then not checked. For a log that cannot be read, the reason is returned, because all other rules can be
/// evaluated.
pub(super) fn search(reader: &BundleReader, facts: &mut Facts, profile: &Profile) -> Option<String> {
    let wanted = findings::patterns(profile);
    let is_known = wanted.iter().all(|pattern| facts.patterns.contains(&pattern.id));
    let manifest = reader.manifest();
    let with_facts: BTreeSet<&str> = facts.logs.iter().map(|log| log.entry.as_str()).collect();
    let mut logs = manifest.tasks.iter().filter(|task| task.is_log()).flat_map(|task| &task.entries);
    if is_known || manifest.fitted.is_some() || !logs.all(|log| with_facts.contains(log.as_str())) {
        return None;
    }
    let patterns = Arc::new(Patterns::new(wanted));
    let path_of = |entry: &&str| reader.find(&EntryPath::new(entry).ok()?);
    let paths = with_facts.iter().map(path_of).collect::<Option<Vec<_>>>()?;
    let found = paths.into_iter().map(|path| hits(reader, path, &patterns)).collect::<Result<Vec<_>, _>>();
    let found: BTreeMap<String, Vec<Hit>> = match found {
        Ok(found) => with_facts.into_iter().map(str::to_owned).zip(found).collect(),
        Err(error) => return Some(error),
    };
    facts.logs.iter_mut().for_each(|log| log.hits = found.get(&log.entry).cloned().unwrap_or_default());
    facts.patterns = patterns.ids().map(str::to_owned).collect();
    None
}

fn hits(reader: &BundleReader, path: &str, patterns: &Arc<Patterns>) -> Result<Vec<Hit>, String> {
    // It is already clean, and redaction does not change it under any key.
    let mut redact = Redactor::new(&Key::random()).stream();
    let mut extract = LogExtractor::new(patterns, None);
    let mut entry = reader.open_entry(path).map_err(|why| why.to_string())?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = entry.read(&mut chunk).map_err(|why| format!("{path} cannot be read: {why}"))?;
        if read == 0 {
            break;
        }
        extract.push(&redact.push(chunk.get(..read).unwrap_or_default()));
    }
    extract.push(&redact.finish().0);
    Ok(extract.finish().hits)
}

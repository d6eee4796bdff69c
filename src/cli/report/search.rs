//! Looks in the logs of a bundle for what a profile's rules mean, where the run that made it looked for something else.

use super::failure;
use crate::{
    bundle::{
        BundleReader, EntryPath,
        facts::{Facts, Hit},
    },
    cli::Failure,
    exit::Exit,
    facts::logs::{Extract, Patterns},
    findings,
    profile::Profile,
    redact::{Key, Redactor},
};
use std::{io::Read as _, sync::Arc};

/// What is read at a time (bytes).
const CHUNK: usize = 64 << 10;

/// Makes the logs' hits those of this profile, if they are not. Where a log is not in the bundle any more, or not
/// whole since a copy was made smaller, they stay, and the rules that need others cannot tell.
///
/// # Errors
/// When a log cannot be read.
pub(super) fn search(reader: &BundleReader, facts: &mut Facts, profile: &Profile) -> Result<(), Failure> {
    let wanted = findings::patterns(profile);
    let is_known = wanted.iter().all(|pattern| facts.patterns.contains(&pattern.id));
    if is_known || reader.manifest().fitted.is_some() {
        return Ok(());
    }
    let patterns = Arc::new(Patterns::new(wanted));
    let path_of = |entry: &str| reader.find(&EntryPath::new(entry).ok()?);
    let Some(paths) = facts.logs.iter().map(|log| path_of(&log.entry)).collect::<Option<Vec<_>>>() else {
        return Ok(());
    };
    let hits = paths.into_iter().map(|path| hits(reader, path, &patterns)).collect::<Result<Vec<_>, _>>()?;
    facts.logs.iter_mut().zip(hits).for_each(|(log, hits)| log.hits = hits);
    facts.patterns = patterns.ids().map(str::to_owned).collect();
    Ok(())
}

fn hits(reader: &BundleReader, path: &str, patterns: &Arc<Patterns>) -> Result<Vec<Hit>, Failure> {
    // It is clean already, and stays as it is under any key.
    let mut redact = Redactor::new(&Key::random()).stream();
    let mut extract = Extract::new(patterns, None);
    let mut entry = reader.open_entry(path).map_err(failure)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = entry.read(&mut chunk).map_err(|why| Failure {
            exit: Exit::Incomplete,
            text: format!("{path} cannot be read: {why}; kubectl escalate verify says what is damaged"),
        })?;
        if read == 0 {
            break;
        }
        extract.push(&redact.push(chunk.get(..read).unwrap_or_default()));
    }
    extract.push(&redact.finish().0);
    Ok(extract.finish().hits)
}

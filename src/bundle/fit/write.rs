//! Owns the plan of a copy: how many files are given up, and, where that is not enough, that lines
//! are left out of the logs, or that no copy can be that small.

use super::{
    Words,
    copying::Copying,
    level::Levels,
    lines::Near,
    logs::Log,
    measure::Measurer,
    say::Shape,
    source::{Piece, Role, Source},
};
use crate::bundle::{
    BundleError, Destination, Finished, Fitted,
    compress::{Compressor, Count},
    zip_headers::DosTime,
};
use std::collections::{HashMap, HashSet};

/// A log that compresses to so little more than its marker is not worth one.
const WORTH: u64 = 256;

/// Writes the copy of at most `max` bytes.
pub(super) fn write(
    source: &Source<'_>,
    to: &Destination,
    max: u64,
    words: &Words<'_>,
) -> Result<(Finished, Fitted), BundleError> {
    let (pieces, remarks) = source.pieces()?;
    let packed = packed(source, &pieces)?;
    let mut shape = Shape { max, kept: Vec::new(), given_up: Vec::new(), thinned: HashMap::new(), packed, remarks };
    let fits = |shape: &Shape<'_>| shape.last(source, words).total <= max;
    let is_enough = give_up_files(&mut shape, &pieces, fits);
    let bytes: u64 = shape.kept.iter().map(|piece| piece.info.bytes).sum();
    if is_enough {
        source.watch().expect(bytes);
        return Copying::new(source, to, words, shape)?.make(&[], 0);
    }
    let (logs, whole): (Vec<_>, Vec<_>) = shape.kept.into_iter().partition(|piece| piece.role == Role::Log);
    shape.kept = whole;
    source.watch().expect(bytes + logs.iter().map(|piece| piece.info.bytes).sum::<u64>());
    let logs = measure(source, &mut shape, logs)?;
    shape.thinned = logs.iter().map(|log| (log.path(), log.measured.least.clone())).collect();
    let last = shape.last(source, words);
    if last.total > max {
        let least = least(shape, |shape| shape.last(source, words).total);
        return Err(BundleError::TooSmall { path: source.path().to_owned(), max, least });
    }
    // The manifest compresses to another size when its numbers and hashes are others.
    let slack = 512 + 64 * logs.len() as u64 + last.manifest / 32;
    let markers: u64 = logs.iter().map(Log::least).sum();
    let room = markers + (max - last.total).saturating_sub(slack);
    match Copying::new(source, to, words, shape.clone())?.make(&logs, room) {
        // It was more than that, and so many bytes can be no log's: only markers are sure to fit.
        Err(BundleError::TooSmall { .. }) => Copying::new(source, to, words, shape)?.make(&logs, markers),
        made => made,
    }
}

/// By how much a number that is written out changes what it is compressed with, and more.
const DIGITS: u64 = 16;

/// The smallest number that a copy can be asked for. The copy says the number itself, and is by some
/// bytes larger or smaller for it; a few more see to it that every larger number is enough as well.
fn least(mut shape: Shape<'_>, total: impl Fn(&Shape<'_>) -> u64) -> u64 {
    shape.max = 0;
    loop {
        let least = total(&shape);
        if least <= shape.max {
            return shape.max;
        }
        shape.max = least + DIGITS;
    }
}

/// Gives up as few files as are enough, descriptions before objects and of each the largest first;
/// all of them when that is not enough, which it then says.
fn give_up_files<'a>(shape: &mut Shape<'a>, pieces: &'a [Piece<'a>], fits: impl Fn(&Shape<'a>) -> bool) -> bool {
    let mut candidates: Vec<&Piece<'_>> =
        pieces.iter().filter(|piece| matches!(piece.role, Role::Description | Role::Object)).collect();
    candidates.sort_by_key(|piece| (piece.role, std::cmp::Reverse(shape.size(piece))));
    let mut give_up = |count: usize| {
        let (given_up, _) = candidates.split_at(count);
        let paths: HashSet<&str> = given_up.iter().map(|piece| piece.record.path.as_str()).collect();
        shape.kept = pieces.iter().filter(|piece| !paths.contains(piece.record.path.as_str())).collect();
        shape.given_up = given_up.to_vec();
        fits(shape)
    };
    if !give_up(candidates.len()) {
        return false;
    }
    let (mut low, mut high) = (0, candidates.len());
    while low < high {
        let middle = low.midpoint(high);
        if give_up(middle) { high = middle } else { low = middle + 1 }
    }
    give_up(high)
}

/// Reads all logs; those that can be thinned come back, the smallest first, and the others are kept.
fn measure<'a>(
    source: &Source<'_>,
    shape: &mut Shape<'a>,
    pieces: Vec<&'a Piece<'a>>,
) -> Result<Vec<Log<'a>>, BundleError> {
    let levels = Levels::new();
    let mut measurer = Measurer::new(&levels, Near::of(source.manifest()));
    let mut logs = Vec::new();
    for piece in pieces {
        let measured = measurer.measure(source, piece)?;
        let whole = shape.size(piece);
        if whole > measured.least.header.compressed + WORTH {
            logs.push(Log { piece, whole, measured });
        } else {
            shape.kept.push(piece);
        }
    }
    logs.sort_by_key(|log| log.whole);
    shape.kept.extend(logs.iter().map(|log| log.piece));
    Ok(logs)
}

/// Sizes in the zip of what the bundle has uncompressed, for another program has zipped it again.
fn packed<'a>(source: &Source<'_>, pieces: &'a [Piece<'a>]) -> Result<HashMap<&'a str, u64>, BundleError> {
    let mut sizes = HashMap::new();
    for piece in pieces.iter().filter(|piece| piece.info.stored) {
        let failed = |error| BundleError::io("measure", source.path(), error);
        let mut compressor = Compressor::new(Count(0));
        source.read(piece.info, |chunk| compressor.write(chunk).map_err(failed))?;
        let header = compressor.finish(DosTime::default()).map_err(failed)?.header;
        sizes.insert(piece.record.path.as_str(), header.compressed);
    }
    Ok(sizes)
}

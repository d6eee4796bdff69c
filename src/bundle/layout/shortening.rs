//! Owns how the paths of a bundle are shortened, once its name is known.

use crate::bundle::names::{BundleName, CAPS, Cap, MAX_PATH, by_hash, shorten};

/// How far the paths of one bundle are shortened.
#[derive(Clone, Debug)]
pub(in crate::bundle) struct Shortening {
    budget: usize,
    cap: Option<Cap>,
}

impl Shortening {
    /// The first step with which all of `paths` fit below a folder called `name`. One step is taken for the whole
    /// bundle, so that the files of one pod stay in one folder.
    pub(in crate::bundle) fn of<'a>(name: &BundleName, paths: impl Iterator<Item = &'a str> + Clone) -> Self {
        let budget = MAX_PATH - name.as_str().len() - 1;
        let cap = if paths.clone().all(|p| p.len() <= budget) {
            None
        } else {
            // A path that no step makes short enough becomes a hash, and must not affect the others.
            let hope = paths.filter(|p| shortened(p, LAST_CAP).len() <= budget);
            let fits = |cap: Cap| hope.clone().all(|p| shortened(p, cap).len() <= budget);
            CAPS.into_iter().find(|cap| fits(*cap))
        };
        Self { budget, cap }
    }

    /// The path of `inner` in the bundle's folder.
    pub(in crate::bundle) fn shorten(&self, inner: &str) -> String {
        let mut path = self.cap.map_or_else(|| inner.to_owned(), |cap| shortened(inner, cap));
        if path.len() > self.budget {
            path = fit_into(inner, self.budget);
        }
        path
    }
}

const LAST_CAP: Cap = CAPS[CAPS.len() - 1];

/// `inner`, shortened to at most `budget` characters if necessary: its names by [`CAPS`], or, if that is not enough, to
/// a hash. Nothing else matters, so the same path and budget always give the same result. Expects the text of an
/// [`EntryPath`](super::EntryPath): ASCII.
fn fit_into(inner: &str, budget: usize) -> String {
    if inner.len() <= budget {
        return inner.to_owned();
    }
    let steps = CAPS.into_iter().map(|cap| shortened(inner, cap));
    steps.into_iter().find(|p| p.len() <= budget).unwrap_or_else(|| by_hash(inner))
}

/// Every path that `inner` may have in a bundle, its own first.
pub(in crate::bundle) fn candidates(inner: &str) -> impl Iterator<Item = String> + '_ {
    let steps = CAPS.into_iter().map(|cap| shortened(inner, cap));
    std::iter::once(inner.to_owned()).chain(steps).chain(std::iter::once_with(|| by_hash(inner)))
}

fn shortened(inner: &str, cap: Cap) -> String {
    let below = inner.starts_with("clusters/");
    let of = |(n, part)| shorten(part, if below && n == 1 { cap.cluster } else { cap.other });
    let parts: Vec<String> = inner.split('/').enumerate().map(of).collect();
    parts.join("/")
}

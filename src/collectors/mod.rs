//! Owns the kinds of evidence: a file, or a folder, for each.
//!
//! A collector takes a [`Site`] and its task, and gives back [`Done`]. Collectors know the machinery in `collect/`, which
//! knows none of them, and the bundle's entries, and nothing of zip.

mod about;
mod answer_file;
mod discovery;
mod get;
mod list;
mod local_answers;
mod log;
mod metadata;
mod prometheus;
mod query;
mod samples;
mod scrape;
mod version;

pub use local_answers::answer_without_prometheus;
pub use log::follow;

use crate::{
    collect::{Done, Site},
    plan::{Task, What},
};
use futures_util::future::{BoxFuture, FutureExt as _};
use metadata::metadata_of;

/// Gets the evidence of a task: the list of collectors.
pub fn collect<'a>(site: &'a Site, task: &'a Task) -> BoxFuture<'a, Done> {
    match &task.what {
        What::Version => version::collect(site).boxed(),
        What::Discovery => discovery::collect(site).boxed(),
        What::List(list) => list::collect(site, task, list).boxed(),
        What::Get(get) => get::collect(site, task, get).boxed(),
        What::Log(log) => log::collect(site, task, log).boxed(),
        What::Left(left) => log::find_orphaned(site, task, left).boxed(),
        What::Scrape(scrape) => scrape::collect(site, task, scrape).boxed(),
        What::Prometheus(find) => prometheus::collect(site, task, find).boxed(),
        What::Query(query) => query::collect(site, task, query).boxed(),
        What::Samples(samples) => samples::collect(site, samples).boxed(),
        What::About(about) => about::collect(site, task, *about).boxed(),
        What::Kind(kind) => std::future::ready(Done::absent(format!("{kind}: left out"))).boxed(),
    }
}

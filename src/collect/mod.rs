//! Gets the evidence: runs the tasks of a plan against their sources, through redaction, into the
//! bundle.
//!
//! A collector is one file here: it takes a [`Site`] and its task, and gives back [`Done`]. To add
//! one, copy the smallest (`version.rs`), add it to the list in `collect`, a key to the profile,
//! a path to `bundle/layout.rs` and a test file. Collectors know the bundle's entries and nothing
//! of zip.

mod about;
mod answers;
mod completed;
mod containers;
mod cut;
mod describe;
mod discovery;
mod earlier;
mod facts;
mod follow;
mod get;
mod ledger;
mod list;
mod log;
mod note;
mod place;
mod prometheus;
mod query;
mod recent;
mod run;
mod samples;
mod scrape;
mod site;
mod table_text;
mod version;
mod weigh;

pub use describe::describe;
pub use earlier::{Carriage, Carried, Earlier, EarlierError};
pub use facts::facts;
pub use follow::{Followed, follow};
pub use ledger::Ledger;
pub use note::{Attachment, NoteError, notes};
pub use place::{Found, PlaceError, Places, find};
pub use prometheus::{Named, Reach};
pub use run::{Container, Limits, Record, Run, run};
pub use scrape::Skip;
pub use site::{Done, Entry, Progress, Shown, Site};
pub use weigh::weigh;

use crate::plan::{Task, What};

/// The list of collectors: which one serves which task.
async fn collect(site: &Site, task: &Task) -> Done {
    match &task.what {
        What::Version => version::collect(site).await,
        What::Discovery => discovery::collect(site).await,
        What::List(list) => list::collect(site, task, list).await,
        What::Get(get) => get::collect(site, task, get).await,
        What::Log(log) => log::collect(site, task, log).await,
        What::Left(left) => log::find_left(site, task, left).await,
        What::Scrape(scrape) => scrape::collect(site, task, scrape).await,
        What::Prometheus(find) => prometheus::collect(site, task, find).await,
        What::Query(query) => query::collect(site, task, query).await,
        What::Samples(samples) => samples::collect(site, samples).await,
        What::About(about) => about::collect(site, task, *about).await,
        What::Kind(kind) => Done::absent(format!("{kind}: left out")),
    }
}

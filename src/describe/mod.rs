//! What `kubectl describe` prints, of every object that was collected: by the deskribe crate, over
//! replay. No request leaves the process.
//!
//! deskribe is young and has one maintainer: it is used here and nowhere else, and held to kubectl by
//! a test that compares both on a real cluster.

mod kubectl;

use crate::replay::{Object, Replay};
use chrono::{DateTime, Utc};
use deskribe::RenderOptions;
use futures_util::FutureExt as _;
use k8s_openapi::jiff::{Timestamp, tz::TimeZone};
use kube::api::{DynamicObject, TypeMeta};
use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicUsize, Ordering},
};

/// One object, described.
#[derive(Debug)]
pub struct Described {
    /// The object.
    pub object: Object,
    /// What kubectl would print, and below it what was not there to be told.
    pub text: String,
}

/// Most threads that describe at once.
const MOST: usize = 4;
/// Objects that a thread takes at a time.
const BATCH: usize = 8;

/// Describes every object of `replay` as of `now`, in UTC, and gives each to `take`, from several
/// threads and in no order. An object that cannot be described gets a line that says why.
pub fn all(replay: &Replay, now: DateTime<Utc>, take: impl Fn(Described) + Sync) {
    for part in replay.parts() {
        each(&part, &part.objects(), now, &take);
    }
}

/// Like [`all`], of these objects.
pub fn each(replay: &Replay, objects: &[Object], now: DateTime<Utc>, take: impl Fn(Described) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST).min(objects.len() / BATCH + 1);
    let work = || {
        let replay = replay.clone();
        let options = RenderOptions { now: timestamp(now), timezone: TimeZone::UTC };
        // Nothing is ever waited for: the runtime is what the client's own layers want.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
        runtime.block_on(async {
            let client = replay.client();
            loop {
                let from = next.fetch_add(BATCH, Ordering::Relaxed);
                let Some(batch) = objects.get(from..(from + BATCH).min(objects.len())) else { return };
                if batch.is_empty() {
                    return;
                }
                for object in batch {
                    let text = describe(&client, &replay, object, &options).await;
                    take(Described { object: object.clone(), text });
                }
            }
        });
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        work();
        for other in others {
            if let Err(panic) = other.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

async fn describe(client: &kube::Client, replay: &Replay, object: &Object, options: &RenderOptions) -> String {
    let Object { resource, namespace, name, metadata_only, .. } = object;
    let mut selected = DynamicObject::new(name, resource);
    selected.types = Some(TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() });
    selected.metadata.namespace.clone_from(namespace);
    let describing = async {
        let description = deskribe::gather(client.clone(), resource, &selected).await?;
        let text = description.render(options)?;
        Ok(kubectl::set_right(&resource.kind, text, || replay.raw(object)))
    };
    let described = match AssertUnwindSafe(describing).catch_unwind().await {
        Ok(described) => described,
        Err(_) => Err("it is not as objects of its kind are".to_owned()),
    };
    let mut text = match described {
        Ok(text) => text,
        Err(why) => format!("The {} {name} could not be described: {why}\n", resource.kind),
    };
    let mut below = Vec::new();
    if *metadata_only {
        below.push("Only its metadata was collected.".to_owned());
    }
    below.extend(replay.take_refused().into_iter().map(|missing| format!("Not collected: {missing}")));
    if resource.kind == "Node" && !replay.has_neighbours(name) {
        below.push("Left out: pods of namespaces that were not collected; --node-neighbours adds them.".to_owned());
    }
    if !below.is_empty() {
        text.push('\n');
        below.iter().for_each(|line| text.extend([line, "\n"]));
    }
    text
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanoseconds = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp::new(at.timestamp(), nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

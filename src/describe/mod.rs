//! Owns the descriptions of collected objects, as `kubectl describe` prints them: by the deskribe crate, over replay. No
//! request leaves the process.
//!
//! deskribe is young and has one maintainer. Only this room uses it, and a test compares it with kubectl on a real cluster.

mod kubectl;

use crate::replay::{Object, Replay};
use chrono::{DateTime, Utc};
use deskribe::RenderOptions;
use futures_util::FutureExt as _;
use k8s_openapi::jiff::{Timestamp, tz::TimeZone};
use kube::api::{DynamicObject, TypeMeta};
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

/// One object, described.
#[derive(Debug)]
pub struct Described {
    /// Kind, namespace and name of what `text` describes.
    pub object: Object,
    /// The description, and below it the objects that it would need but that were not collected.
    pub text: String,
}

/// Most threads.
const MOST: usize = 4;
/// Objects that a thread takes at once.
const BATCH: usize = 8;
/// Batches that wait for a thread, so that the next part can be read meanwhile.
const WAITING: usize = 4;

/// Objects, and the replay that describes them.
type Batch = (Replay, Vec<Object>);

/// Describes every object of `replay` as of `now`, in UTC, and hands each description to `take`, from several threads and
/// in any order. An object that cannot be described gets a line that says why.
pub fn all(replay: &Replay, now: DateTime<Utc>, take: impl Fn(Described) + Sync) {
    let read = |part: Replay| batches(&part, &part.objects());
    through(replay.parts().flat_map(read), now, &take);
}

/// Like [`all`], for these objects only.
pub fn each(replay: &Replay, objects: &[Object], now: DateTime<Utc>, take: impl Fn(Described) + Sync) {
    through(batches(replay, objects), now, &take);
}

fn batches(replay: &Replay, objects: &[Object]) -> impl Iterator<Item = Batch> + use<> {
    let batches: Vec<_> = objects.chunks(BATCH).map(|batch| (replay.clone(), batch.to_vec())).collect();
    batches.into_iter()
}

fn through(batches: impl Iterator<Item = Batch>, now: DateTime<Utc>, take: &(impl Fn(Described) + Sync)) {
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    let receiver = Arc::new(Mutex::new(receiver));
    let options = RenderOptions { now: timestamp(now), timezone: TimeZone::UTC };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST);
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (receiver, options) = (receiver.clone(), &options);
                scope.spawn(move || work(&receiver, options, take))
            })
            .collect();
        // Otherwise sending would block for ever if all threads panicked.
        drop(receiver);
        for batch in batches {
            if sender.send(batch).is_err() {
                break;
            }
        }
        drop(sender);
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

fn work(batches: &Mutex<mpsc::Receiver<Batch>>, options: &RenderOptions, take: &(impl Fn(Described) + Sync)) {
    // Replay never waits; only the client's own layers need a runtime.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok((replay, objects)) = next() {
        runtime.block_on(async {
            let client = replay.client();
            for object in objects {
                let text = describe(&client, &replay, &object, options).await;
                take(Described { object, text });
            }
            // The client's layers end in a task of their own, which would hold the batch's data until the next batch.
            drop(client);
            tokio::task::yield_now().await;
        });
    }
}

/// The description of one object.
async fn describe(client: &kube::Client, replay: &Replay, object: &Object, options: &RenderOptions) -> String {
    let Object { resource, namespace, name, metadata_only, .. } = object;
    let mut selected = DynamicObject::new(name, resource);
    selected.types = Some(TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() });
    selected.metadata.namespace.clone_from(namespace);
    let describing = async {
        let description = deskribe::gather(client.clone(), resource, &selected).await?;
        let text = description.render(options)?;
        Ok(kubectl::corrected(&resource.kind, text, || replay.raw(object)))
    };
    let described = match AssertUnwindSafe(describing).catch_unwind().await {
        Ok(described) => described,
        Err(_) => Err("the object does not have the shape of its kind".to_owned()),
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

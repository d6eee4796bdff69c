//! How a run ends: in time, too late, interrupted, killed, with a cluster away or nowhere to write.

use crate::support::{
    Api, Gate, Piece, Reply, Run, World,
    needs::SmallDisk,
    run::{Bundle, files},
    world::{LOG, POD},
};
use kubectl_escalate::bundle::{Ended, Outcome};
use rustix::process::Signal;
use std::{net::TcpListener, time::Duration};

const CURRENT: &str = "log/tdd-one/spirl-server-7f9c-aaaaa/server";

/// A world whose log begins and does not end.
fn stalled() -> Api {
    let api = World::one().serve();
    api.on_log(POD, false, |_| Reply::pieces([Piece::Bytes(LOG.into()), Piece::Stall]));
    api
}

/// Until everything but the log has been answered.
fn wait_for_the_rest(api: &Api) {
    let is_open = |path: &str| path.ends_with("/log");
    api.wait("the log, and the answers to all else", |asked| {
        let metrics = asked.iter().any(|asked| asked.path.contains("/proxy/"));
        let node = asked.iter().any(|asked| asked.path.ends_with("/nodes/node-a"));
        metrics
            && node
            && asked.iter().any(|asked| is_open(&asked.path))
            && asked.iter().all(|asked| is_open(&asked.path) || asked.fate.is_some())
    });
}

/// An address that nobody listens on.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

#[test]
fn at_the_deadline_what_was_gathered_is_the_bundle() {
    let api = stalled();
    let ended = Run::collect(&api).args(["--deadline", "3s", "--request-timeout", "100s"]).finish().exits(3);
    let bundle = ended.bundle();
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
    assert_eq!((bundle.manifest().ended, bundle.manifest().complete), (Ended::Deadline, false));
    let task = bundle.outcome(CURRENT, Outcome::TimedOut);
    assert!(task.hint.as_ref().is_some_and(|hint| hint.contains("--deadline")), "{task:?}");
    assert_eq!(bundle.entry(CURRENT).1, LOG);
    assert_eq!(ended.files().len(), 1);
}

#[test]
fn interrupted_once_it_closes_the_bundle() {
    let api = stalled();
    let running = Run::collect(&api).args(["--request-timeout", "100s"]).spawn();
    wait_for_the_rest(&api);
    running.signal(Signal::INT);
    let ended = running.finish().exits(130);
    let bundle = ended.bundle();
    assert_eq!(bundle.manifest().ended, Ended::Interrupted);
    bundle.outcome(CURRENT, Outcome::Cancelled);
    assert_eq!(ended.files().len(), 1);
}

#[test]
fn interrupted_before_any_cluster_answered_it_leaves_nothing() {
    let api = Api::new(|_| Some(Reply::pieces([Piece::Stall])));
    let running = Run::collect(&api).args(["--request-timeout", "100s"]).spawn();
    api.wait("a request", |asked| !asked.is_empty());
    running.signal(Signal::INT);
    let ended = running.finish().exits(130);
    assert!(ended.files().is_empty() && ended.stdout.is_empty(), "{:?}", ended.files());
}

/// Salvages what is left in a folder, and opens the bundle that comes of it.
fn salvage(folder: &std::path::Path) -> Bundle {
    let partial = files(folder).into_iter().find(|name| name.ends_with(".partial")).expect("a partial bundle");
    let salvaged =
        Run::new(["salvage".as_ref(), folder.join(partial).as_os_str(), "--to".as_ref(), folder.as_os_str()])
            .finish()
            .exits(0);
    salvaged.bundle()
}

#[test]
fn interrupted_twice_it_leaves_at_once_and_salvage_makes_a_bundle() {
    // The wait for a second look at an error text is what keeps it from closing at once.
    let api = World::one().serve();
    let gate = Gate::default();
    let held = gate.clone();
    api.on_log(POD, false, move |_| {
        Reply::pieces([Piece::Until(held.clone()), Piece::Bytes(b"unable to retrieve container logs".to_vec())])
    });
    let running = Run::collect(&api).spawn();
    wait_for_the_rest(&api);
    gate.open();
    api.wait("the error text", |asked| {
        asked.iter().filter(|asked| asked.log().is_some() && !asked.asks_beginning()).any(|asked| asked.fate.is_some())
    });
    std::thread::sleep(Duration::from_millis(50));
    running.signal(Signal::INT);
    running.hears("interrupted");
    // Sooner it would count as the echo of the first.
    std::thread::sleep(Duration::from_millis(250));
    running.signal(Signal::INT);
    let ended = running.finish().exits(130);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    let bundle = salvage(&ended.out());
    assert_eq!(bundle.manifest().ended, Ended::Salvaged);
    assert!(bundle.paths().contains(&"clusters/prod/namespaces/tdd-one/pods.json"), "{:#?}", bundle.paths());
}

#[test]
fn killed_it_leaves_what_salvage_makes_a_bundle_of() {
    let api = stalled();
    let running = Run::collect(&api).args(["--request-timeout", "100s"]).spawn();
    wait_for_the_rest(&api);
    // Answered is not yet written: the journal grows until the last one is.
    let journal = || {
        let name = files(&running.out()).into_iter().find(|name| name.ends_with(".journal")).expect("a journal");
        std::fs::metadata(running.out().join(name)).expect("a journal").len()
    };
    let mut size = 0;
    while size == 0 || journal() != size {
        size = journal();
        std::thread::sleep(Duration::from_millis(300));
    }
    running.signal(Signal::KILL);
    let ended = running.finish();
    assert_eq!(ended.code, None);
    let bundle = salvage(&ended.out());
    assert_eq!(bundle.manifest().ended, Ended::Salvaged);
    for path in
        ["namespaces/tdd-one/pods.json", "namespaces/tdd-one/events.json", "nodes/node-a.yaml", "api/version.json"]
    {
        let path = format!("clusters/prod/{path}");
        assert!(bundle.paths().contains(&path.as_str()), "{path} of {:#?}", bundle.paths());
    }
}

#[test]
fn a_cluster_that_is_away_costs_only_itself() {
    let api = World::one().serve();
    let ended = Run::collect(&api)
        .context("away", &nobody())
        .args(["--context", "prod", "--context", "away"])
        .finish()
        .exits(3);
    assert!(ended.stderr.contains("the cluster of context \"away\""), "{}", ended.stderr);
    let bundle = ended.bundle();
    bundle.outcome(CURRENT, Outcome::Collected);
    let away = bundle.manifest().clusters.iter().find(|cluster| cluster.name == "away").expect("the other cluster");
    assert!(away.error.as_ref().is_some_and(|causes| !causes.is_empty()), "{away:?}");
}

#[test]
fn two_clusters_are_in_one_bundle_each_under_its_name() {
    let (one, other) = (World::one().serve(), World::one().serve());
    let run = Run::collect(&one).context("second", &other.url());
    let ended = run.args(["--context", "prod", "--context", "second", "--cluster-name", "second=eu"]).finish().exits(0);
    let bundle = ended.bundle();
    for cluster in ["prod", "eu"] {
        let path = format!("clusters/{cluster}/namespaces/tdd-one/pods/{POD}/logs/server.log");
        assert_eq!(bundle.text(&path), LOG);
    }
    assert!(!bundle.holds("\"second\""), "a context that was renamed is not named");
}

#[test]
fn without_any_cluster_there_is_no_bundle_and_nothing_is_left() {
    let ended = Run::new(["collect", "--to", "out"]).context("away", &nobody()).finish().exits(4);
    assert!(ended.files().is_empty() && ended.stdout.is_empty());
    assert!(ended.stderr.contains("kubectl --context away version"), "{}", ended.stderr);
}

#[test]
fn a_server_that_answers_nothing_is_given_up() {
    let api = Api::new(|_| Some(Reply::pieces([Piece::Stall])));
    let ended = Run::collect(&api).args(["--request-timeout", "1s"]).finish().exits(4);
    assert!(ended.stderr.contains("took longer than 1 s"), "{}", ended.stderr);
    assert!(ended.files().is_empty());
}

#[test]
fn nowhere_to_write_is_said_before_anything_is_asked() {
    let api = World::one().serve();
    let run = Run::new(["collect"]).context("prod", &api.url());
    let file = run.file("a-file", "");
    let ended = run.args(["--to".as_ref(), file.join("x.zip").as_os_str()]).finish().exits(4);
    assert_eq!(
        ended.stderr.lines().filter(|line| line.starts_with("kubectl-escalate: ")).count(),
        1,
        "{}",
        ended.stderr
    );
    assert!(api.asked().is_empty());
}

#[test]
fn a_bundle_that_is_there_is_never_written_over() {
    let api = World::one().serve();
    let run = Run::new(["collect"]).context("prod", &api.url());
    let there = run.out().join("mine.zip");
    std::fs::write(&there, "mine").expect("a file");
    let ended = run.args(["--to".as_ref(), there.as_os_str()]).finish().exits(4);
    assert_eq!(std::fs::read_to_string(there).expect("a file"), "mine");
    assert_eq!(ended.files(), ["mine.zip"]);
    assert!(api.asked().is_empty());
}

#[test]
fn a_full_disk_ends_the_run_with_a_bundle() {
    let api = World::one().serve();
    let noise: Vec<u8> = {
        let mut state = 1_u64;
        let next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("2024-03-05T14:00:00.5Z {state:016x}{:016x}\n", state.rotate_left(29))
        };
        std::iter::repeat_with(next).take(10_000).collect::<String>().into_bytes()
    };
    api.on_log(POD, false, move |_| Reply::pieces([Piece::Forever(noise.clone())]));
    let run = Run::new(["collect", "--incident-time", crate::support::run::INCIDENT, "--to", "out"])
        .context("prod", &api.url());
    let out = run.out();
    let Some(disk) = SmallDisk::mount(&out) else { return };
    let ended = run.finish();
    let held = ended.files();
    let opened = (ended.code == Some(3)).then(|| Bundle::open(&ended.out().join(&held[0])));
    let told = opened.as_ref().map(|bundle| (bundle.manifest().ended, bundle.manifest().tasks.len()));
    let names_a_path = opened.as_ref().is_some_and(|bundle| bundle.holds(&out.to_string_lossy()));
    drop(opened);
    drop(disk);
    assert_eq!(told.map(|told| told.0), Some(Ended::DiskFull), "{held:?} {}", ended.stderr);
    assert_eq!(held.len(), 1);
    assert!(!names_a_path, "a bundle says nothing of where it was made");
}

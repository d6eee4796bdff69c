//! Two scrapes, where no Prometheus answers: what they show, and that they say nothing of any other time.

use super::metrics::{check, metrics, query, run};
use crate::support::{
    Api, Reply, Run, World, prometheus,
    world::{NAMESPACE, POD},
};
use kubectl_escalate::bundle::{CheckState, Judged, Outcome};
use rustix::process::Signal;
use std::sync::atomic::{AtomicU32, Ordering};

/// A server that has failed `failed` mints of `all` since it started, and fails `now` of ten between two scrapes.
fn minting(all: u32, failed: u32, now: u32) -> Api {
    let api = World::one().serve();
    let scrapes = AtomicU32::new(0);
    api.on(move |asked| {
        if !asked.path.ends_with("/proxy/metrics") {
            return None;
        }
        let n = scrapes.fetch_add(1, Ordering::AcqRel);
        let mint = |code: &str, count: u32| {
            format!("spirl_server_mint_svid_total{{svid_type=\"x509\",status_code=\"{code}\"}} {count}\n")
        };
        let text = format!(
            "{}{}{}{}",
            crate::support::world::metrics("example.org"),
            mint("ok", all - failed + (10 - now) * n),
            mint("signing_failed", failed + now * n),
            "# TYPE go_goroutines gauge\ngo_goroutines 12\n",
        );
        Some(Reply::text(text))
    });
    api
}

fn scraped(api: &Api) -> Run {
    Run::collect(api).args(["--scrape-gap", "1s"])
}

#[test]
fn what_goes_wrong_between_them_is_shown() {
    let api = minting(1000, 200, 5);
    let ended = scraped(&api).finish().exits(0);
    let bundle = ended.bundle();
    bundle.outcome(&format!("scrape/{NAMESPACE}/{POD}/metrics/second"), Outcome::Collected);
    let record = query(&bundle, "mint-success");
    assert_eq!((record.answer.verdict, record.answer.of_scrapes), (Judged::Alert, true));
    assert_eq!(record.answer.worst.as_ref().map(|it| it.value.as_str()), Some("0.5"));
    // 205 of 1,010 in all of its time.
    let since = record.answer.since_start.as_ref().expect("since it started");
    assert!(since.value.starts_with("0.797"), "{since:?}");
    let failures = query(&bundle, "mint-failures");
    assert_eq!(failures.answer.since_start.as_ref().map(|it| it.value.as_str()), Some("205"));
    let file = bundle.json(record.entry.as_deref().expect("an entry"));
    assert_eq!(file["answer"]["result"][0]["values"][0][1], "0.5", "{file}");
    let text = bundle.text(&metrics("queries.txt"));
    assert!(
        text.contains("by two scrapes 1 s apart as of") && text.contains("since the servers started 205"),
        "{text}"
    );
    // What the servers themselves do not have is no scrape's to answer.
    assert!(bundle.manifest().queries.iter().all(|record| record.id != "restarts"));
    let (state, detail, _) = check(&bundle);
    assert_eq!(state, CheckState::Partial, "{detail}");
    assert!(detail.contains("by two scrapes, as of the collection"), "{detail}");
}

#[test]
fn they_never_say_that_all_is_well() {
    // It failed a fifth before, and fails no more.
    let bundle = scraped(&minting(1000, 200, 0)).finish().exits(0).bundle();
    let record = query(&bundle, "mint-success");
    assert_eq!(record.answer.verdict, Judged::Value);
    assert!(record.answer.since_start.as_ref().is_some_and(|it| it.value.starts_with("0.80")), "{record:?}");
    assert_eq!(query(&bundle, "mint-failures").answer.verdict, Judged::NoData);
    for record in &bundle.manifest().queries {
        assert!(!matches!(record.answer.verdict, Judged::Healthy | Judged::Gaps), "{record:?}");
    }
    let text = bundle.text(&metrics("queries.txt"));
    assert!(text.contains("nothing wrong, worst 1 at"), "{text}");
    assert!(text.contains("no data (its metrics take emitLatencyMetrics"), "{text}");
}

#[test]
fn with_a_prometheus_there_is_one() {
    let (api, server) = (minting(1000, 200, 5), prometheus::serve());
    let bundle = run(&api, &server).args(["--scrape-gap", "1s"]).finish().exits(0).bundle();
    assert!(!query(&bundle, "mint-success").answer.of_scrapes);
    assert!(bundle.ids().iter().all(|id| !id.ends_with("/second")));
}

#[test]
fn a_server_that_does_not_listen_is_not_asked_twice() {
    let mut world = World::one();
    world.metrics(POD, None);
    let api = world.serve();
    // Nor does anybody say who this is.
    let bundle = scraped(&api).finish().bundle();
    assert!(bundle.ids().iter().all(|id| !id.ends_with("/second")) && bundle.manifest().queries.is_empty());
}

#[test]
fn an_interrupt_leaves_out_the_second_and_nothing_else() {
    let api = minting(1000, 200, 5);
    let running = Run::collect(&api).args(["--scrape-gap", "90s"]).spawn();
    api.wait("the first scrape, and all else", |asked| {
        let scraped = asked.iter().any(|asked| asked.path.ends_with("/proxy/metrics"));
        let node = asked.iter().any(|asked| asked.path.ends_with("/nodes/node-a"));
        scraped && node && asked.iter().all(|asked| asked.fate.is_some())
    });
    // What was answered is dealt with in milliseconds; before that an interrupt would be one of all.
    std::thread::sleep(std::time::Duration::from_secs(2));
    running.signal(Signal::INT);
    running.hears("the second scrape is left out");
    let ended = running.finish().exits(0);
    let bundle = ended.bundle();
    assert!(bundle.manifest().complete);
    bundle.outcome(&format!("scrape/{NAMESPACE}/{POD}/metrics/second"), Outcome::Skipped);
    assert!(bundle.manifest().queries.is_empty());
}

#[test]
fn the_deadline_does_not_wait_for_it() {
    let api = minting(1000, 200, 5);
    let ended = Run::collect(&api).args(["--scrape-gap", "90s", "--deadline", "3s"]).finish();
    let bundle = ended.bundle();
    bundle.outcome(&format!("scrape/{NAMESPACE}/{POD}/metrics/second"), Outcome::TimedOut);
    bundle.outcome(&format!("scrape/{NAMESPACE}/{POD}/metrics"), Outcome::Collected);
}

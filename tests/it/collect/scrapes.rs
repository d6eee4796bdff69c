//! Two scrapes, where no Prometheus answers: what they show, and that they say nothing of any other time.

use super::metrics::{check, metrics, query, run};
use crate::support::{
    Api, Bundle, Reply, Run, World, prometheus,
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
        text.contains("from two scrapes 1 s apart at") && text.contains("since the servers started: 205"),
        "{text}"
    );
    // What the servers themselves do not have is no scrape's to answer.
    assert!(bundle.manifest().queries.iter().all(|record| record.id != "restarts" || !record.answer.of_scrapes));
    let (state, detail, _) = check(&bundle);
    assert_eq!(state, CheckState::Partial, "{detail}");
    assert!(detail.contains("from scrapes and objects, at the time of the collection"), "{detail}");
}

fn has_scraped(bundle: &Bundle) -> bool {
    bundle.manifest().queries.iter().any(|record| record.answer.of_scrapes)
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
    assert!(text.contains("no alert (< 0.99), worst 1 at"), "{text}");
    // What is to be pasted is of minutes.
    assert!(text.contains("[5m]") && !text.contains("ms]"), "{text}");
    assert!(text.contains("no data (its metrics need emitLatencyMetrics"), "{text}");
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
    assert!(bundle.ids().iter().all(|id| !id.ends_with("/second")) && !has_scraped(&bundle));
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
    running.hears("skipping the second scrape");
    let ended = running.finish().exits(0);
    let bundle = ended.bundle();
    assert!(bundle.manifest().complete);
    bundle.outcome(&format!("scrape/{NAMESPACE}/{POD}/metrics/second"), Outcome::Skipped);
    assert!(!has_scraped(&bundle));
}

#[test]
fn the_deadline_does_not_wait_for_it() {
    let api = minting(1000, 200, 5);
    let ended = Run::collect(&api).args(["--scrape-gap", "90s", "--deadline", "3s"]).finish();
    let bundle = ended.bundle();
    bundle.outcome(&format!("scrape/{NAMESPACE}/{POD}/metrics/second"), Outcome::TimedOut);
    bundle.outcome(&format!("scrape/{NAMESPACE}/{POD}/metrics"), Outcome::Collected);
}

/// Two servers, each of which answers a scrape as `answer` says of its name and how many came before.
fn two(answer: impl Fn(&str, u32) -> Option<String> + Send + Sync + 'static) -> Api {
    let mut world = World::one();
    world.server(NAMESPACE, OTHER);
    let api = world.serve();
    let scrapes = [AtomicU32::new(0), AtomicU32::new(0)];
    api.on(move |asked| {
        let pod = asked.path.strip_suffix("/proxy/metrics")?.rsplit('/').next()?.split(':').next()?;
        let n = scrapes[usize::from(pod == OTHER)].fetch_add(1, Ordering::AcqRel);
        let gone = || Reply::status(503, "ServiceUnavailable", "dial tcp 10.0.0.1:9090: connect: connection refused");
        let info = crate::support::world::metrics("example.org");
        Some(answer(pod, n).map_or_else(gone, |text| Reply::text(format!("{info}{text}"))))
    });
    api
}

const OTHER: &str = "spirl-server-7f9c-bbbbb";

fn mints(ok: u32, failed: u32) -> String {
    format!(
        "spirl_server_mint_svid_total{{status_code=\"ok\"}} {ok}\n\
         spirl_server_mint_svid_total{{status_code=\"auth_failed\"}} {failed}\n"
    )
}

#[test]
fn a_server_that_does_not_answer_twice_is_not_taken_for_well() {
    let api = two(|pod, n| (pod == POD || n == 0).then(|| mints(100 * (n + 1), 0)));
    let bundle = scraped(&api).finish().exits(0).bundle();
    let answer = &query(&bundle, "mint-success").answer;
    assert_eq!((answer.verdict, answer.partial), (Judged::Value, true));
    assert!(answer.warnings[0].starts_with("only 1 of 2 pods"), "{:?}", answer.warnings);
}

#[test]
fn a_failure_of_a_kind_that_was_not_there_is_one() {
    let api = two(|_, n| {
        Some(if n == 0 { "spirl_server_mint_svid_total{status_code=\"ok\"} 10\n".to_owned() } else { mints(15, 5) })
    });
    let bundle = scraped(&api).finish().exits(0).bundle();
    let answer = &query(&bundle, "mint-success").answer;
    assert_eq!(answer.verdict, Judged::Alert);
    // Half of what was minted since, to within the millisecond that a range is longer.
    let ratio: f64 = answer.worst.as_ref().expect("a value").value.parse().expect("a number");
    assert!((ratio - 0.5).abs() < 0.01, "{ratio}");
}

#[test]
fn what_a_server_had_counted_before_it_was_started_again_is_gone() {
    let api = two(|_, n| {
        Some(if n == 0 { mints(1000, 400) } else { "spirl_server_mint_svid_total{status_code=\"ok\"} 5\n".to_owned() })
    });
    let bundle = scraped(&api).finish().exits(0).bundle();
    let answer = &query(&bundle, "mint-success").answer;
    assert_eq!(answer.since_start.as_ref().map(|it| it.value.as_str()), Some("1"), "{answer:?}");
}

#[test]
fn a_prometheus_that_does_not_scrape_the_servers_leaves_them_to_scrapes() {
    let (api, server) = (minting(1000, 200, 5), prometheus::serve());
    server.on(|asked| {
        let query = asked.parameter("query");
        let of_servers = query.contains("count_over_time(spirl_application_info");
        of_servers.then(|| Reply::json(&prometheus::has(&[])))
    });
    let bundle = run(&api, &server).args(["--scrape-gap", "1s"]).finish().exits(0).bundle();
    let of_servers = &query(&bundle, "mint-success").answer;
    assert_eq!((of_servers.verdict, of_servers.of_scrapes), (Judged::Alert, true));
    assert!(!query(&bundle, "restarts").answer.of_scrapes);
}

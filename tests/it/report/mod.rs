//! What a bundle says in words: the checklist, what is missing and why.

mod fixture;
mod page;
mod words;

use crate::support::{Reply, Run, World, world::NAMESPACE};
use kubectl_escalate::report;
use serde_json::json;

#[test]
fn the_summary_and_the_readme_begin_with_the_checklist_and_name_what_is_missing() {
    let api = World::one().serve();
    api.on_path("/api/v1/namespaces/tdd-one/services", |_| Reply::forbidden());
    let ended = Run::collect(&api).finish().exits(0);
    let bundle = ended.bundle();
    let readme = bundle.text("README.txt");
    for text in [&readme, &ended.stderr] {
        let places: Vec<_> =
            ["logs from 15 minutes before", "metric values", "trust domain and deployment region", "priority"]
                .iter()
                .map(|item| text.find(item).unwrap_or_else(|| panic!("{item} in {text}")))
                .collect();
        assert!(places.is_sorted(), "{text}");
        assert!(
            text.contains("forbidden: services") && text.contains("needs list services in namespace tdd-one"),
            "{text}"
        );
    }
    for file in ["report.html", "report.md"] {
        let text = bundle.text(file);
        assert!(text.contains("logs from 15 minutes before"), "{text}");
        assert!(text.contains("list services in namespace") && text.contains("xisting SVIDs work until"), "{text}");
    }
    // The checklist is of the manifest alone.
    let first = |text: &str| text.lines().find(|line| line.contains("logs from 15 minutes")).map(str::to_owned);
    assert_eq!(first(&report::summary(bundle.manifest(), None, 0, "", None)), first(&ended.stderr));
    assert_eq!(first(&report::readme(bundle.manifest())), first(&readme));
}

#[test]
fn what_is_truly_absent_is_no_lack() {
    let mut world = World::one();
    // Events of an incident years ago are truly gone, unless the server says that it keeps them.
    world.object("events", NAMESPACE, "old", json!({ "lastTimestamp": "2024-03-05T13:50:00Z" }));
    let api = world.serve();
    let bundle = Run::collect(&api).finish().exits(0).bundle();
    assert!(
        bundle.text("README.txt").contains("What is missing\n---------------\nNothing that was requested.\n"),
        "{}",
        bundle.text("README.txt")
    );
}

#[test]
fn an_unknown_trust_domain_names_the_flag() {
    let mut world = World::one();
    world.metrics(crate::support::world::POD, None);
    let api = world.serve();
    let ended = Run::collect(&api).finish().exits(3);
    assert!(ended.stderr.contains("trust domain unknown, set it with --trust-domain"), "{}", ended.stderr);
}

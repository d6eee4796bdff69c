//! Every name a path can be made of, and the name of the bundle.

use super::{name, started};
use kubectl_escalate::bundle::{BundleName, EntryPath, NamePart, layout};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// What no file system may be given, whichever one it is.
fn assert_portable(path: &str) {
    for part in path.split('/') {
        let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
        assert!(!part.is_empty() && part.len() <= 255 + 30, "{path:?}");
        assert!(!part.starts_with(['.', '-']) && !part.ends_with(['.', ' ']), "{path:?}");
        assert!(part.bytes().all(|b| b.is_ascii_graphic()), "{path:?}");
        assert!(!part.contains(['\\', ':', '*', '?', '"', '<', '>', '|']), "{path:?}");
        assert!(!["con", "prn", "aux", "nul", "com1", "lpt9"].contains(&stem.as_str()), "{path:?}");
        assert!(!part.contains(".."), "{path:?}");
    }
}

#[test]
fn the_tree_is_the_one_that_was_promised() {
    let at = [
        (layout::manifest(), "manifest.json"),
        (layout::note(1), "notes/1.txt"),
        (layout::attachment("/home/me/trace.txt"), "notes/attachments/trace.txt"),
        (layout::cluster_json("c"), "clusters/c/cluster.json"),
        (layout::api_version("c"), "clusters/c/api/version.json"),
        (layout::api_discovery("c", "", "v1"), "clusters/c/api/groups/core/v1.json"),
        (layout::api_discovery("c", "apps", "v1"), "clusters/c/api/groups/apps/v1.json"),
        (layout::node_yaml("c", "n.example"), "clusters/c/nodes/n.example.yaml"),
        (layout::node_describe("c", "n"), "clusters/c/nodes/n.describe.txt"),
        (layout::resource_table("c", Some("ns"), "pods"), "clusters/c/namespaces/ns/pods.json"),
        (layout::resource_table("c", None, "nodes"), "clusters/c/nodes.json"),
        (layout::table_text("c", Some("ns"), "events"), "clusters/c/namespaces/ns/events.txt"),
        (layout::pod_yaml("c", "ns", "p"), "clusters/c/namespaces/ns/pods/p/pod.yaml"),
        (layout::pod_describe("c", "ns", "p"), "clusters/c/namespaces/ns/pods/p/describe.txt"),
        (layout::pod_log("c", "ns", "p", "x", true), "clusters/c/namespaces/ns/pods/p/logs/x.previous.log"),
        (layout::object_yaml("c", Some("ns"), "deployments", "d"), "clusters/c/namespaces/ns/deployments/d.yaml"),
        (layout::scrape("c", "ns", "p", 0), "clusters/c/metrics/scrapes/ns/p.0.prom"),
        (layout::query("c", "q"), "clusters/c/metrics/queries/q.json"),
    ];
    for (path, expected) in at {
        assert_eq!(path.as_str(), expected);
        assert_eq!(EntryPath::new(expected).expect("safe"), path);
    }
}

#[test]
fn odd_names_are_changed_and_kept_apart() {
    let odd = [
        "CON",
        "con",
        "aux.txt",
        "COM1",
        "a:b",
        "a_b",
        "a/b",
        "a\\b",
        "..",
        ".",
        "",
        "-x",
        ".x",
        "x.",
        "x ",
        "x",
        "X",
        "é",
        "e\u{301}",
        "a..b",
        "a\nb",
        "arn:aws:eks:eu-west-1:1:cluster/Prod",
        "~",
        "a~b",
        "nul",
        "lpt1.log",
        "system:node",
    ];
    let mut seen = BTreeSet::new();
    for name in odd {
        let path = layout::pod_yaml("c", "ns", name);
        assert_portable(path.as_str());
        assert!(seen.insert(path.as_str().to_ascii_lowercase()), "{name:?} met another");
        assert_eq!(path.names()["pod"], name);
        let hidden = path.changed_names(path.as_str());
        let shown = path.as_str().ends_with(&format!("pods/{name}/pod.yaml"));
        assert_eq!(hidden.contains_key("pod"), !shown || name.is_empty(), "{name:?}: {hidden:?}");
    }
    assert_eq!(
        layout::cluster_json("arn:aws:eks:eu-west-1:1:cluster/prod").as_str(),
        "clusters/arn_aws_eks_eu-west-1_1_cluster_prod~70141fc9f9/cluster.json",
    );
}

#[test]
fn a_path_of_the_callers_own_is_checked() {
    for bad in ["", "/a", "a/", "a//b", "../a", "a/..", "a\\b", "c:", ".a", "-a", "nul", "a/aux.txt", "a b"] {
        let error = EntryPath::new(bad).expect_err(bad).to_string();
        assert!(error.contains(&format!("{bad:?}")), "{error}");
    }
}

#[test]
fn the_bundle_is_named_after_what_is_known() {
    let known = |s: &str| NamePart::Known(s.to_owned());
    let unknown = NamePart::Unknown(None);
    let name = |domain, region| BundleName::new(&domain, &region, started()).to_string();
    assert_eq!(name(known("example.org"), known("eu-west-1")), "escalation-example.org-eu-west-1-20261122T154200Z");
    assert_eq!(
        name(NamePart::of([], Some("spirl")), unknown.clone()),
        "escalation-spirl-region-unknown-20261122T154200Z"
    );
    assert_eq!(name(NamePart::of(["b", "a", "b"], None), NamePart::Several), "escalation-multi-multi-20261122T154200Z");
    assert_eq!(name(unknown.clone(), unknown), "escalation-unknown-region-unknown-20261122T154200Z");
    let long = name(known(&"d".repeat(200)), known(&"r".repeat(200)));
    assert_eq!(long.len(), BundleName::MAX);
    assert_portable(&long);
    assert_portable(&name(known("../../etc"), known("a:b")));
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?",
        "[a-zA-Z0-9:/_.~@ -]{0,40}",
        "[a-c~A-C]{0,3}",
        any::<String>(),
        "[a-z]{200,253}",
    ]
}

proptest! {
    #[test]
    fn any_names_give_portable_paths_that_differ(
        all in prop::collection::btree_set((names(), names(), names()), 1..20),
    ) {
        let mut seen = HashMap::new();
        for (cluster, ns, pod) in &all {
            let path = layout::pod_log(cluster, ns, pod, "server", false);
            assert_portable(path.as_str());
            prop_assert_eq!(&path, &layout::pod_log(cluster, ns, pod, "server", false));
            prop_assert!(EntryPath::new(path.as_str()).is_ok(), "{}", path);
            let other = seen.insert(path.as_str().to_ascii_lowercase(), (cluster, ns, pod));
            prop_assert!(other.is_none(), "{:?} and {:?} are both {}", other, (cluster, ns, pod), path);
        }
    }

    #[test]
    fn names_of_any_parts_fit(domain in any::<String>(), region in any::<String>()) {
        let name = BundleName::new(&NamePart::Known(domain), &NamePart::Known(region), started());
        prop_assert!(name.as_str().len() <= BundleName::MAX);
        assert_portable(name.as_str());
    }
}

#[test]
fn a_name_made_twice_is_the_same() {
    assert_eq!(name(), name());
}

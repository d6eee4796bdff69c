//! `plan::Planner`: whatever the order in which tasks end, the same tasks come of it.

use crate::{
    plan::{basis, place, pods, request},
    support::world::pod,
};
use chrono::{DateTime, Utc};
use kubectl_escalate::{
    collectors,
    plan::{
        Basis, DeletedPod, Evidence, FoundPrometheus, Known, LogFiles, LogTask, Planned, Pod, Request, Role,
        ScrapeTask, Shown, Task,
    },
};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

/// A cluster, as its tasks show it.
#[derive(Clone, Debug)]
struct Cluster {
    namespaces: usize,
    /// Whether listing over the cluster is refused.
    is_refused: bool,
    /// Whether one of the lists of pods fails.
    lacks_pods: bool,
    prometheus: FoundPrometheus,
    rotated_logs: bool,
    node_neighbours: bool,
}

impl Cluster {
    fn basis(&self) -> Basis {
        let names: Vec<String> = (0..self.namespaces).map(|at| format!("n{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let request =
            Request { rotated_logs: self.rotated_logs, node_neighbours: self.node_neighbours, ..request(&[]) };
        basis(&request, &[], &place(&names))
    }

    /// What a task shows: the same whenever it ends.
    fn shown(&self, basis: &Basis, task: &Task) -> Shown {
        let is_refused = self.is_refused && !task.by_namespace(&mut basis.place.namespaces.keys()).is_empty();
        if is_refused {
            return Shown { is_refused, ..Shown::default() };
        }
        let pods_of = |namespace: &String| -> Vec<Pod> {
            let pod = |name: &str| {
                let mut pod = pod(namespace, name);
                pod["metadata"]["uid"] = format!("uid-{namespace}-{name}").into();
                pod
            };
            pods(&["a", "b"].map(pod), &basis.request)
        };
        let listed = || match task.namespace() {
            Some(namespace) => pods_of(&namespace.to_owned()),
            None => basis.place.namespaces.keys().flat_map(pods_of).collect(),
        };
        Shown {
            pods: if task.role() == Role::Pods { listed() } else { Vec::new() },
            is_incomplete: self.lacks_pods && task.id() == "list/n1/pods",
            is_refused,
            found: if task.kind() == "orphaned-logs" { vec![orphaned(task)] } else { Vec::new() },
            prometheus: if task.role() == Role::Prometheus { self.prometheus } else { FoundPrometheus::None },
            scraped: task.spec::<ScrapeTask>().and_then(|scrape| {
                let at = DateTime::from_timestamp(i64::try_from(scrape.pod.len()).ok()?, 0)?;
                scrape.not_before.is_none().then_some(at)
            }),
        }
    }

    /// Runs the plan; `picks` say which of the tasks that are open ends next. What is left then ends in order.
    fn run(&self, picks: &[usize]) -> BTreeMap<String, Planned> {
        let basis = self.basis();
        let mut planner = collectors::planner(&basis, HashSet::new());
        let (mut open, mut plan) = (Vec::new(), BTreeMap::new());
        let mut next = planner.start(DateTime::UNIX_EPOCH);
        let mut picks = picks.iter();
        loop {
            for planned in next {
                if planned.preset.is_none() {
                    open.push(planned.task.clone());
                }
                let twice = plan.insert(planned.task.id(), planned);
                assert_eq!(twice, None, "planned twice");
            }
            if open.is_empty() {
                return plan;
            }
            let task = open.swap_remove(picks.next().map_or(0, |pick| pick % open.len()));
            next = planner.on(&task, self.shown(&basis, &task), &Said);
        }
    }
}

/// The log of a pod that was deleted, as a node has it.
fn orphaned(task: &Task) -> Task {
    Task::new(LogTask {
        namespace: "n0".to_owned(),
        pod: "gone".to_owned(),
        uid: "uid-gone".to_owned(),
        name_is_reused: true,
        container: "server".to_owned(),
        previous: false,
        past: false,
        node: task.node().map(str::to_owned),
        started: None,
        ended: None,
        since: None,
        tail: None,
        files: Some(LogFiles { folder: task.path(), from_run: 0, to_run: None, is_over: true }),
    })
}

/// What the evidence says, whenever it is asked.
struct Said;

impl Evidence for Said {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn known(&self) -> Known {
        Known { trust_domains: vec!["example.org".to_owned()], ..Known::default() }
    }

    fn deleted(&self, there: &HashSet<String>) -> Vec<DeletedPod> {
        let pod = |(name, uid): (&str, &str)| DeletedPod {
            namespace: "n0".to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            node: Some("node-of-old".to_owned()),
        };
        [("a", "uid-n0-a"), ("gone", "uid-gone")].map(pod).into_iter().filter(|pod| !there.contains(&pod.uid)).collect()
    }
}

fn clusters() -> impl Strategy<Value = Cluster> {
    let prometheus = prop_oneof![
        Just(FoundPrometheus::None),
        Just(FoundPrometheus::Unknown),
        any::<bool>().prop_map(|has_servers| FoundPrometheus::Some { has_servers }),
    ];
    (1..7_usize, any::<[bool; 4]>(), prometheus).prop_map(|(namespaces, flags, prometheus)| {
        let [is_refused, lacks_pods, rotated_logs, node_neighbours] = flags;
        Cluster { namespaces, is_refused, lacks_pods, prometheus, rotated_logs, node_neighbours }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_order_of_results_leads_to_the_same_tasks(
        cluster in clusters(),
        picks in prop::collection::vec(any::<usize>(), 0..400),
    ) {
        prop_assert_eq!(cluster.run(&picks), cluster.run(&[]));
    }
}

#[test]
fn each_stage_comes_of_what_was_shown() {
    let cluster = Cluster {
        namespaces: 6,
        is_refused: true,
        lacks_pods: false,
        prometheus: FoundPrometheus::None,
        rotated_logs: true,
        node_neighbours: false,
    };
    let ids = |cluster: &Cluster| cluster.run(&[]).into_keys().collect::<Vec<_>>();
    let has = |ids: &[String], start: &str| ids.iter().any(|id| id.starts_with(start));
    let without = ids(&cluster);
    for start in [
        "list/pods",
        "list/n5/pods",
        "log/n5/",
        "scrape/n5/a/metrics/second",
        "get/nodes/",
        "orphaned-logs/node-of-old",
        "log/n0/gone/",
    ] {
        assert!(has(&without, start), "{start} of {without:#?}");
    }
    assert!(!has(&without, "query/") && !has(&without, "samples"));
    let found = ids(&Cluster { prometheus: FoundPrometheus::Some { has_servers: true }, ..cluster.clone() });
    assert!(has(&found, "query/") && has(&found, "samples") && !has(&found, "scrape/n5/a/metrics/second"));
    let incomplete = ids(&Cluster { lacks_pods: true, ..cluster });
    assert!(!has(&incomplete, "orphaned-logs/"), "what was not listed need not be gone");
}

//! A case to be judged: log lines, pods, objects and answers, put together by hand as a collection gives them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use kubectl_escalate::{
    bundle::{
        ClusterInfo, Ended, Judged, Manifest, Outcome, QueryRecord, Reading, TaskRecord, Verdict,
        facts::{
            Condition, ContainerFacts, CustomResourceFacts, EventFacts, Facts, LogFacts, PodFacts, ReadyState,
            RunState, WorkloadFacts,
        },
        findings::{Findings, Severity},
    },
    facts::logs::{LogExtractor, Patterns},
    findings,
    profile::Profile,
    redact::{Key, Redactor},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, OnceLock},
};

pub(super) const NAMESPACE: &str = "tdd-one";
pub(super) const POD: &str = "tdd-one-spirl-server-6f84f6f48f-aaaaa";

/// The collection's end; the window is the half hour before.
pub(super) fn now() -> DateTime<Utc> {
    "2026-11-22T16:00:00Z".parse().expect("a time")
}

pub(super) fn ago(minutes: i64) -> DateTime<Utc> {
    now() - TimeDelta::minutes(minutes)
}

pub(super) fn servers() -> Profile {
    static PROFILE: OnceLock<Profile> = OnceLock::new();
    PROFILE
        .get_or_init(|| {
            Profile::load("trust-domain-server", &kubectl_escalate::collectors::optional()).expect("the profile")
        })
        .clone()
}

/// A case of one server that is well, until something is added.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) profile: Profile,
    pub(super) facts: Facts,
    pub(super) manifest: Manifest,
    /// The wording of messages, which no rule may rest on.
    pub(super) wording: &'static str,
}

impl Case {
    pub(super) fn well() -> Self {
        let mut manifest = Manifest::new(ago(1), ago(30), now());
        manifest.ended = Ended::Finished;
        manifest.finished = Some(now());
        let profile = servers();
        manifest.profile_sha256 = profile.sha256().to_owned();
        manifest.clusters = vec![ClusterInfo {
            name: "east".to_owned(),
            context: Some("prod east".to_owned()),
            namespaces: vec![NAMESPACE.to_owned()],
            ..ClusterInfo::default()
        }];
        let mut case = Self { profile, facts: Facts { format: 1, ..Facts::default() }, manifest, wording: "usual" };
        for rule in case.profile.objects.iter().map(|rule| rule.resource.to_string()).collect::<Vec<_>>() {
            case.task("list", &format!("east/list/{NAMESPACE}/{rule}"), &rule, Outcome::Collected);
        }
        case.task("list", "east/list/tdd-one/datas.data.spirl.com", "datas.data.spirl.com", Outcome::Collected);
        case.task("log", "east/log/tdd-one/x/spirl-server", "log of x/spirl-server", Outcome::Collected);
        case.task("scrape", &format!("east/scrape/{NAMESPACE}/{POD}/metrics"), "metrics of x", Outcome::Collected);
        case.facts.pods = vec![pod()];
        case.facts.workloads = vec![WorkloadFacts {
            kind: "Deployment".to_owned(),
            name: "tdd-one-spirl-server".to_owned(),
            created: Some(ago(60 * 24 * 90)),
            wanted: 1,
            replicas: 1,
            ready: 1,
            updated: 1,
            ..WorkloadFacts::default()
        }];
        case.facts.custom_resources = vec![CustomResourceFacts {
            cluster: "east".to_owned(),
            namespace: NAMESPACE.to_owned(),
            resource: "datas.data.spirl.com".to_owned(),
            names: vec!["configuration".to_owned()],
            ..CustomResourceFacts::default()
        }];
        case.facts.logs = vec![LogFacts {
            entry: "clusters/east/namespaces/tdd-one/pods/x/logs/spirl-server.log".to_owned(),
            cluster: "east".to_owned(),
            namespace: NAMESPACE.to_owned(),
            pod: POD.to_owned(),
            container: "spirl-server".to_owned(),
            kind: "log".to_owned(),
            ready: vec![ReadyState {
                at: ago(29),
                until: ago(0),
                status: "up".to_owned(),
                down: Vec::new(),
                up: vec!["configCache".to_owned()],
            }],
            ..LogFacts::default()
        }];
        for task in case.manifest.tasks.iter_mut().filter(|task| task.is_log()) {
            task.entries = vec![case.facts.logs[0].entry.clone()];
        }
        case.prometheus()
    }

    fn task(&mut self, kind: &str, id: &str, target: &str, outcome: Outcome) {
        let task = json!({ "id": id, "kind": kind, "target": target, "outcome": outcome, "cluster": "east", "entries": ["x"] });
        self.manifest.tasks.push(serde_json::from_value::<TaskRecord>(task).expect("a task"));
    }

    /// A Prometheus answered, and all was well.
    pub(super) fn prometheus(mut self) -> Self {
        self.manifest.queries.clear();
        for (id, value) in [
            ("mint-success", "1"),
            ("agent-api-errors", "0"),
            ("control-plane-errors", "0"),
            ("mint-latency", "0.004"),
            ("cpu", "0.1"),
            ("memory", "0.2"),
            ("replicas-missing", "0"),
        ] {
            self = self.query(id, Judged::Healthy, value, &[]);
        }
        self = self.query("api-latency", Judged::Value, "0.01", &[]);
        self = self.query("cpu-throttled", Judged::Value, "0", &[]);
        self = self.query("memory-trend", Judged::Value, "0", &[]);
        for id in ["api-errors", "mint-failures", "control-plane-events-errors", "control-plane-calls-errors"] {
            self = self.query(id, Judged::NoData, "", &[]);
        }
        for id in ["oom-kills", "oom-killed", "restarts", "not-ready", "autoscaler-at-maximum"] {
            self = self.query(id, Judged::NoData, "", &[]);
        }
        self
    }

    /// None answered; what two scrapes tell is kept.
    pub(super) fn scrapes(mut self) -> Self {
        self.no_prometheus();
        let of_scrapes: Vec<String> =
            self.profile.queries.iter().filter(|rule| rule.is_of_scrapes()).map(|rule| rule.id.clone()).collect();
        self.manifest.queries.retain(|record| of_scrapes.contains(&record.id));
        for record in &mut self.manifest.queries {
            record.answer.of_scrapes = true;
            if record.answer.verdict == Judged::Healthy {
                record.answer.verdict = Judged::Value;
                record.answer.since_start = record.answer.worst.clone();
            }
        }
        self
    }

    fn no_prometheus(&mut self) {
        self.task("prometheus", "east/prometheus", "a Prometheus", Outcome::Absent);
        let last = self.manifest.tasks.last_mut().expect("a task");
        last.causes = vec!["no service looks like one".to_owned()];
    }

    /// Neither a Prometheus nor scrapes.
    pub(super) fn without_metrics(mut self) -> Self {
        self.no_prometheus();
        self.manifest.queries.clear();
        self
    }

    /// Objects were refused.
    pub(super) fn without_objects(mut self) -> Self {
        self.refuse(|task| task.kind == "list");
        self.facts = Facts { logs: self.facts.logs, format: 1, ..Facts::default() };
        self
    }

    /// Logs were refused.
    pub(super) fn without_logs(mut self) -> Self {
        self.refuse(TaskRecord::is_log);
        self.facts.logs.clear();
        self
    }

    fn refuse(&mut self, is: impl Fn(&TaskRecord) -> bool) {
        for task in self.manifest.tasks.iter_mut().filter(|task| is(task)) {
            task.outcome = Outcome::Forbidden;
            task.causes = vec!["needs another right".to_owned()];
            task.entries.clear();
        }
    }

    /// Adds an answer in place of the one that is there.
    pub(super) fn query(mut self, id: &str, verdict: Judged, value: &str, labels: &[(&str, &str)]) -> Self {
        let rule = self.profile.queries.iter().find(|rule| rule.id == id).unwrap_or_else(|| panic!("no query {id}"));
        let alerts = (verdict == Judged::Alert).then(|| ago(20));
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        let worst = (!value.is_empty()).then(|| Reading { value: value.to_owned(), at: ago(10), labels });
        let record = QueryRecord {
            cluster: "east".to_owned(),
            id: id.to_owned(),
            scenario: rule.scenario.clone(),
            measures: rule.measures.clone(),
            unit: serde_json::to_value(rule.unit).ok().and_then(|unit| unit.as_str().map(str::to_owned)),
            healthy: rule.healthy.clone(),
            alert: rule.alert.clone(),
            needs: rule.needs.clone(),
            expr: rule.expr.replace("$range", "5m"),
            narrowed: true,
            start: ago(30),
            end: now(),
            step_seconds: 15,
            entry: Some(format!("clusters/east/metrics/queries/{id}.json")),
            answer: Verdict {
                verdict,
                series: u64::from(worst.is_some()),
                steps: 121,
                steps_with_data: if worst.is_some() { 121 } else { 0 },
                worst,
                alert_steps: if alerts.is_some() { 80 } else { 0 },
                alert_from: alerts,
                alert_to: alerts.map(|_| ago(0)),
                ..Verdict::default()
            },
        };
        self.manifest.queries.retain(|held| held.id != id);
        self.manifest.queries.push(record);
        self
    }

    /// Lines of the server's log, so many of each, from twenty minutes ago on.
    pub(super) fn says(mut self, times: u64, level: &str, logger: &str, fields: Value) -> Self {
        let mut line = json!({ "level": level, "ts": 1.5, "logger": logger, "msg": self.wording });
        for (key, value) in fields.as_object().expect("fields") {
            line[key] = value.clone();
        }
        self.prints(times, &line.to_string());
        self
    }

    /// So many times this line, read as a collection reads it.
    pub(super) fn prints(&mut self, times: u64, line: &str) {
        static PATTERNS: LazyLock<Arc<Patterns>> =
            LazyLock::new(|| Arc::new(Patterns::new(findings::patterns(&servers()))));
        static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&Key::random()));
        let mut extractor = LogExtractor::new(&PATTERNS, None);
        extractor.push(
            &REDACTOR.text(format!("{} {line}\n", ago(20).to_rfc3339_opts(SecondsFormat::Nanos, true)).as_bytes()).0,
        );
        let read = extractor.finish();
        let log = self.facts.logs.first_mut().expect("a log");
        for (level, count) in read.levels {
            *log.levels.entry(level).or_default() += count * times;
        }
        for mut hit in read.hits {
            hit.count *= times;
            hit.last.at = ago(1);
            match log.hits.iter_mut().find(|held| held.pattern == hit.pattern) {
                Some(held) => held.count += hit.count,
                None => log.hits.push(hit),
            }
        }
    }

    /// A ready check that has been down for nineteen minutes.
    pub(super) fn ready_down(mut self, check: &str) -> Self {
        let log = self.facts.logs.first_mut().expect("a log");
        log.ready.push(ReadyState {
            at: ago(20),
            until: ago(1),
            status: "down".to_owned(),
            down: vec![check.to_owned()],
            up: Vec::new(),
        });
        self.not_ready()
    }

    /// The pod is not ready.
    pub(super) fn not_ready(mut self) -> Self {
        let pod = self.facts.pods.first_mut().expect("a pod");
        for condition in pod.conditions.iter_mut().filter(|it| it.kind == "Ready") {
            condition.status = "False".to_owned();
            condition.since = Some(ago(20));
        }
        self.facts.workloads[0].ready = 0;
        self
    }

    pub(super) fn container(mut self, change: impl FnOnce(&mut ContainerFacts)) -> Self {
        change(&mut self.facts.pods[0].containers[0]);
        self
    }

    /// What the container uses, as a metrics server tells it.
    pub(super) fn uses(self, resource: &str, amount: f64) -> Self {
        self.container(|of| of.usage = BTreeMap::from([(resource.to_owned(), amount)]))
    }

    /// The container ended and was started again, so often.
    pub(super) fn ended(self, reason: &str, code: i64, restarts: u64) -> Self {
        self.container(|of| {
            of.restarts = restarts;
            of.last_state = Some(RunState {
                kind: "terminated".to_owned(),
                reason: reason.to_owned(),
                exit_code: Some(code),
                finished: Some(ago(15)),
                ..RunState::default()
            });
        })
    }

    pub(super) fn waits(self, reason: &str) -> Self {
        let waiting = RunState { kind: "waiting".to_owned(), reason: reason.to_owned(), ..RunState::default() };
        self.container(|of| of.state = Some(waiting)).not_ready()
    }

    pub(super) fn event(mut self, about: &str, reason: &str, count: u64) -> Self {
        self.facts.events.push(EventFacts {
            cluster: "east".to_owned(),
            namespace: NAMESPACE.to_owned(),
            about: about.to_owned(),
            kind: "Warning".to_owned(),
            reason: reason.to_owned(),
            note: self.wording.to_owned(),
            count,
            first: Some(ago(20)),
            last: Some(ago(1)),
            ..EventFacts::default()
        });
        self
    }

    pub(super) fn judge(&self) -> Findings {
        findings::evaluate(&self.profile, &self.facts, &self.manifest, now())
    }

    pub(super) fn root_cause(&self) -> Option<String> {
        self.judge().root_cause
    }
}

/// Ids of what was found above "info", in order.
pub(super) fn wrong(findings: &Findings) -> Vec<&str> {
    let wrong = findings.findings.iter().filter(|it| it.severity < Severity::Info);
    wrong.map(|it| it.id.as_str()).collect()
}

pub(super) fn pod() -> PodFacts {
    let ready = Condition {
        kind: "Ready".to_owned(),
        status: "True".to_owned(),
        since: Some(ago(600)),
        ..Condition::default()
    };
    let both = |cpu, memory: f64| {
        BTreeMap::from([("cpu".to_owned(), cpu), ("memory".to_owned(), memory * f64::from(1 << 20))])
    };
    PodFacts {
        entry: "clusters/east/namespaces/tdd-one/pods/x/pod.yaml".to_owned(),
        cluster: "east".to_owned(),
        namespace: NAMESPACE.to_owned(),
        pod: POD.to_owned(),
        is_server: true,
        phase: "Running".to_owned(),
        created: Some(ago(600)),
        conditions: vec![ready],
        containers: vec![ContainerFacts {
            name: "spirl-server".to_owned(),
            image: "registry.example.org/spirl-server:0.40.0".to_owned(),
            ready: true,
            state: Some(RunState { kind: "running".to_owned(), ..RunState::default() }),
            requests: both(0.25, 256.0),
            limits: both(1.0, 512.0),
            ..ContainerFacts::default()
        }],
        ..PodFacts::default()
    }
}

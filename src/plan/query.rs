//! Owns the queries to a Prometheus: those of the profile, filled in for one cluster, and the user's own.

use super::request::{Place, PrometheusChoice, Request};
use crate::{
    profile::{NarrowedBy, QueryRule},
    promql::{self, Query, RawSelector},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use std::time::Duration;

/// Over which time rates are taken: long enough for four scrapes a minute apart, short enough to show minutes.
pub const RANGE: &str = "5m";
/// The label that narrows metrics which other programs export about pods.
const NAMESPACE: &str = "namespace";
/// The possible times between two values, in seconds. The smallest that gives at most [`VALUES`] values is used, but
/// none above [`RANGE`] as long as there are no more than [`MOST_VALUES`], because rates would miss what is in between.
const STEPS: [i64; 13] = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400, 604_800];
/// A tenth of what a Prometheus returns at most, and more than a screen can show.
const VALUES: i64 = 1000;
/// Nearly as many as it returns at most.
const MOST_VALUES: i64 = 10_000;
/// Labels that commonly distinguish the clusters in a Prometheus that has several.
pub const CLUSTERS: [&str; 7] = [
    "cluster",
    "cluster_name",
    "cluster_id",
    "k8s_cluster",
    "k8s_cluster_name",
    "kubernetes_cluster",
    "prometheus_cluster",
];
/// At most this many pod names are used to recognise our samples.
const PODS: usize = 20;
/// Metrics that every Prometheus of a cluster has about all its pods.
const OF_PODS: &str = "kube_pod_info|kube_pod_status_phase|container_memory_working_set_bytes|up";

/// What is known about the workload in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Filled in for the trust domain in the profile's queries.
    pub trust_domains: Vec<String>,
    /// Filled in for the deployment in the profile's queries.
    pub deployments: Vec<String>,
    /// Filled in for the namespace in the profile's queries.
    pub namespaces: Vec<String>,
    /// Filled in for the region in the profile's queries.
    pub regions: Vec<String>,
    /// Whether all samples of its servers have a namespace label.
    pub is_by_namespace: bool,
    /// Labels that distinguish its cluster from others in the Prometheus.
    pub cluster_labels: Vec<(String, String)>,
    /// Whether the Prometheus has samples of other servers that no label distinguishes.
    pub is_mixed: bool,
    /// Whether the Prometheus has no samples of any servers, so that scrapes answer for them.
    pub is_without_servers: bool,
}

impl Known {
    /// Labels to add to its samples that do not have them.
    #[must_use]
    pub fn labels(&self) -> Vec<(String, String)> {
        let label = |name: &str, values: &[String]| match values {
            [one] => Some((name.to_owned(), one.clone())),
            _ => None,
        };
        [label("trust_domain", &self.trust_domains), label("region", &self.regions)].into_iter().flatten().collect()
    }
}

/// A label and the values that it may have; without a value it narrows nothing.
pub type Narrowing = Vec<(String, Vec<String>)>;

/// A query in PromQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The expression.
    pub expr: String,
    /// The only evaluation time, or the last one.
    pub end: DateTime<Utc>,
    /// For a range: the first evaluation time, and the step.
    pub range: Option<(DateTime<Utc>, TimeDelta)>,
}

/// A Prometheus to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindTask {
    /// Its address, as the user gave it; none to search for one.
    pub named: Option<String>,
    /// How many samples it has of our servers' pods in the window, and their identity labels; none if no pods are
    /// known.
    pub pods: Option<Question>,
    /// The same for servers in our namespaces, if their samples have no pod label or the pods were replaced.
    pub ours: Question,
    /// The same for any servers, if their samples have no namespace.
    pub anywhere: Question,
    /// How many samples it has of anything in our namespaces.
    pub around: Question,
}

/// One query to a Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryTask {
    /// Its name.
    pub id: String,
    /// The expression and its time, filled in.
    pub question: Question,
    /// The profile's words; none of the user's own.
    pub rule: Option<Box<QueryRule>>,
    /// Whether it is narrowed to the workload.
    pub is_narrowed: bool,
    /// Who answers it.
    pub by: AnsweredBy,
}

/// What answers a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The Prometheus, by a request.
    Prometheus,
    /// This program, over samples that were collected.
    Local(LocalSource),
}

/// Where the samples come from that this program evaluates a query over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalSource {
    /// Two scrapes that were made.
    Scrapes,
    /// Objects that were listed.
    Objects,
}

/// The samples that the queries need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplesTask {
    /// One for each metric.
    pub questions: Vec<Question>,
    /// Labels to add to all samples that do not have them.
    pub labels: Vec<(String, String)>,
}

/// What a Prometheus has besides samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Alerts that fire, or are about to.
    Alerts,
    /// The rules behind the alerts.
    Rules,
    /// What it scrapes, and how that goes.
    Targets,
}

impl About {
    /// In one word, as in its API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Rules => "rules",
            Self::Targets => "targets",
        }
    }

    /// Path and query of its API.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Alerts => "/api/v1/alerts",
            Self::Rules => "/api/v1/rules",
            Self::Targets => "/api/v1/targets?state=active",
        }
    }
}

impl Question {
    /// The path and query that ask it.
    #[must_use]
    pub fn path(&self) -> String {
        let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("query", &self.expr);
        match self.range {
            None => format!("/api/v1/query?{}", query.append_pair("time", &at(self.end)).finish()),
            Some((start, step)) => {
                let pairs =
                    [("start", at(start)), ("end", at(self.end)), ("step", step.num_seconds().max(1).to_string())];
                format!("/api/v1/query_range?{}", query.extend_pairs(pairs).finish())
            }
        }
    }
}

/// The labels by which the profile's metrics are narrowed, with what is known about their values.
#[derive(Clone, Debug)]
pub struct Narrowings {
    /// For metrics that have the workload's own labels.
    pub identity: Narrowing,
    /// For metrics that only have its namespace.
    pub namespace: Narrowing,
    /// For metrics of its cluster.
    pub cluster: Narrowing,
}

impl Narrowings {
    /// Those of a profile's metrics.
    #[must_use]
    pub fn of(request: &Request, known: &Known) -> Self {
        let labels = &request.profile.identity.metric_labels;
        let pair = |label: &Option<String>, values: &[String]| Some((label.clone()?, values.to_vec()));
        let namespace = (NAMESPACE.to_owned(), known.namespaces.clone());
        let identity = [
            pair(&labels.trust_domain, &known.trust_domains),
            pair(&labels.deployment, &known.deployments),
            // Other workloads may claim the same deployment.
            known.is_by_namespace.then(|| namespace.clone()),
        ];
        let cluster = known.cluster_labels.iter().map(|(label, value)| (label.clone(), vec![value.clone()]));
        let cluster: Narrowing = cluster.collect();
        let with_cluster = |mut labels: Narrowing| {
            labels.extend_from_slice(&cluster);
            labels
        };
        Self {
            identity: with_cluster(identity.into_iter().flatten().collect()),
            namespace: with_cluster(vec![namespace]),
            cluster,
        }
    }

    fn by(&self, rule: &QueryRule) -> &Narrowing {
        match rule.narrowed_by {
            NarrowedBy::Identity => &self.identity,
            NarrowedBy::Namespace => &self.namespace,
            NarrowedBy::Cluster => &self.cluster,
        }
    }
}

/// The queries of the profile, each with its rule, filled in for the time up to `now`, and whether it is narrowed to
/// the workload.
pub fn of_profile<'a>(request: &'a Request, known: &Known, now: DateTime<Utc>) -> Vec<(&'a QueryRule, Question, bool)> {
    let narrowings = Narrowings::of(request, known);
    let question = |rule: &'a QueryRule| {
        // Checked when the profile was loaded.
        let expr = rule.query(RANGE).ok()?.narrowed(narrowings.by(rule));
        let time = |text: &Option<String>| promql::duration(text.as_ref()?).and_then(|it| TimeDelta::from_std(it).ok());
        let lookback = time(&rule.lookback).unwrap_or_default();
        let is_narrowed = match rule.narrowed_by {
            NarrowedBy::Identity => {
                known.is_by_namespace || !known.trust_domains.is_empty() || !known.deployments.is_empty()
            }
            NarrowedBy::Namespace => !known.namespaces.is_empty(),
            // A Prometheus that does not know our servers may be another cluster's.
            NarrowedBy::Cluster => !known.is_without_servers,
        };
        let is_narrowed = is_narrowed && !known.is_mixed;
        Some((rule, over(request, expr, lookback, time(&rule.step), now), is_narrowed))
    };
    request.profile.queries.iter().filter_map(question).collect()
}

/// A query for the window and some time before it. Its last evaluation time is the window's end, or now.
fn over(request: &Request, expr: String, lookback: TimeDelta, step: Option<TimeDelta>, now: DateTime<Utc>) -> Question {
    let start = request.window.start.checked_sub_signed(lookback).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let span = (request.window.end.min(now) - start).num_seconds().max(1);
    let least = step.map_or(1, |step| step.num_seconds().max(1));
    let range = promql::duration(RANGE).map_or(0, |range| range.as_secs().cast_signed());
    let most = |step: i64| if step >= range { MOST_VALUES } else { VALUES };
    let fits = |step: &i64| span / step <= most(*step) && *step >= least;
    let step = step.map(|step| step.num_seconds()).filter(|step| *step > 0 && span / step <= MOST_VALUES);
    let step = step.or_else(|| STEPS.into_iter().find(fits)).unwrap_or(STEPS[STEPS.len() - 1]);
    let end = request.window.end.min(now).max(start);
    let end = DateTime::from_timestamp(end.timestamp(), 0).unwrap_or(end);
    // As many whole steps as reach the start.
    let steps = (span + step - 1) / step;
    let back = steps.checked_mul(step).and_then(TimeDelta::try_seconds);
    let step = TimeDelta::try_seconds(step).unwrap_or(TimeDelta::MAX);
    let start = back.and_then(|back| end.checked_sub_signed(back)).unwrap_or(start);
    Question { expr, end, range: Some((start, step)) }
}

/// A query that two scrapes answer.
#[derive(Clone, Debug)]
pub struct TwoScrapes {
    /// The rule of the profile.
    pub rule: QueryRule,
    /// The query, filled in.
    pub question: Query,
    /// The same query over its counters' values since they began, if it is about counters.
    pub since_start: Option<Query>,
}

/// The queries of the profile that scrapes from `first` to `last` can answer, filled in. Rates are over that whole
/// time.
#[must_use]
pub fn of_two_scrapes(request: &Request, known: &Known, first: DateTime<Utc>, last: DateTime<Utc>) -> Vec<TwoScrapes> {
    // A range does not include its beginning, and values long before the first of two samples would be extrapolated.
    let range = format!("{}ms", (last - first).num_milliseconds().max(0) + 1);
    // The samples of scrapes have their pod's namespace.
    let narrowings = Narrowings::of(request, &Known { is_by_namespace: true, ..known.clone() });
    let question = |rule: &QueryRule| {
        let question = Query::parse(&rule.query(&range).ok()?.narrowed(narrowings.by(rule))).ok()?;
        Some(TwoScrapes { rule: rule.clone(), since_start: question.since_start(), question })
    };
    request.profile.queries.iter().filter(|rule| rule.is_of_scrapes()).filter_map(question).collect()
}

/// The queries of the profile that objects answer, filled in.
#[must_use]
pub fn of_objects(request: &Request, known: &Known) -> Vec<(QueryRule, Query)> {
    let narrowing = vec![(NAMESPACE.to_owned(), known.namespaces.clone())];
    let question = |rule: &QueryRule| {
        let query = rule.query_of_objects(RANGE).ok()??;
        Some((rule.clone(), Query::parse(&query.narrowed(&narrowing)).ok()?))
    };
    request.profile.queries.iter().filter_map(question).collect()
}

/// The task for a query that was answered without a request, from data between the first and the last of these times.
#[must_use]
pub fn answered(
    rule: &QueryRule,
    question: &Query,
    (first, last): (DateTime<Utc>, DateTime<Utc>),
    source: LocalSource,
) -> QueryTask {
    QueryTask {
        id: rule.id.clone(),
        question: Question { expr: question.to_string(), end: last, range: Some((first, last - first)) },
        rule: Some(Box::new(rule.clone())),
        is_narrowed: true,
        by: AnsweredBy::Local(source),
    }
}

/// How the Prometheus is found; none if there is nothing to query.
#[must_use]
pub fn whom(request: &Request, place: &Place, now: DateTime<Utc>) -> Option<FindTask> {
    if request.questions() == 0 {
        return None;
    }
    let namespaces = place.namespaces.keys().cloned().collect();
    let narrowing = vec![(NAMESPACE.to_owned(), namespaces)];
    let identity = &request.profile.identity;
    let info = identity.info_metric.as_deref().unwrap_or("up");
    let labels = identity.metric_labels.of_workload().map(String::as_str);
    let labels = labels.chain(CLUSTERS).collect::<Vec<_>>().join(", ");
    // Some of them show as much as all of them.
    let pods = place.namespaces.values().flat_map(|scope| scope.pods.iter().cloned());
    let pods: Vec<String> = pods.take(PODS).collect();
    let of_pods = [narrowing.clone(), vec![("pod".to_owned(), pods.clone())]].concat();
    let end = request.window.end.min(now);
    let span = (end - request.window.start).num_seconds().max(60);
    let question = |expr: String, narrowing: &Narrowing| {
        // From the profile's names, which are those of metrics and labels.
        let expr = Query::parse(&expr).map_or(expr, |query| query.narrowed(narrowing));
        Question { expr, end, range: None }
    };
    let count = |by: &str, selector: &str| format!("sum by ({by}) (count_over_time({selector}[{span}s]))");
    Some(FindTask {
        named: match &request.prometheus {
            PrometheusChoice::At(at) => Some(at.clone()),
            PrometheusChoice::Find | PrometheusChoice::Nobody => None,
        },
        pods: (!pods.is_empty()).then(|| question(count(&labels, info), &of_pods)),
        ours: question(count(&labels, info), &narrowing),
        anywhere: question(count(&labels, info), &Vec::new()),
        around: question(count("", &format!("{{__name__=~\"{OF_PODS}\"}}")), &narrowing),
    })
}

/// The queries, those of the user first, once a Prometheus is found and no more will be learned about the workload.
#[must_use]
pub fn questions(request: &Request, known: &Known, now: DateTime<Utc>) -> Vec<QueryTask> {
    let own = |(id, expr): &(String, String)| QueryTask {
        id: id.clone(),
        question: over(request, expr.clone(), TimeDelta::zero(), None, now),
        rule: None,
        is_narrowed: false,
        by: AnsweredBy::Prometheus,
    };
    let of_profile = of_profile(request, known, now).into_iter();
    let of_profile = of_profile.filter(|(rule, ..)| !(known.is_without_servers && rule.is_of_scrapes()));
    let of_profile = of_profile.map(|(rule, question, is_narrowed)| QueryTask {
        id: rule.id.clone(),
        question,
        rule: Some(Box::new(rule.clone())),
        is_narrowed,
        by: AnsweredBy::Prometheus,
    });
    request.queries.iter().map(own).chain(of_profile).collect()
}

/// The samples that the queries need.
#[must_use]
pub fn samples(request: &Request, known: &Known, now: DateTime<Utc>) -> SamplesTask {
    let narrowings = Narrowings::of(request, known);
    let as_asked = Narrowing::new();
    let profile = request.profile.queries.iter().filter_map(|rule| {
        let before = rule.lookback.as_deref().and_then(promql::duration).unwrap_or_default();
        Some((rule.query(RANGE).ok()?, narrowings.by(rule), before))
    });
    let profile: Vec<_> = profile.collect();
    let mut wanted =
        promql::raw_selectors(profile.iter().map(|(query, narrowing, before)| (query, *narrowing, *before)));
    // Of what is more than can be read here the value is there, and not what it is made of. A metric of the
    // profile's stays as the profile has it: the user's may be of the whole cluster, and a day of that is much.
    let named: Vec<String> = request.profile.queries.iter().flat_map(QueryRule::metrics).collect();
    let own: Vec<Query> = request.queries.iter().filter_map(|(_, expr)| Query::parse(expr).ok()).collect();
    let own = own.iter().filter(|query| query.metrics().iter().all(|metric| !named.contains(metric)));
    wanted.extend(promql::raw_selectors(own.map(|query| (query, &as_asked, Duration::ZERO))));
    let end = request.window.end.min(now);
    let question = |RawSelector { selector, reach }: RawSelector| {
        let reach = i64::try_from(reach.as_secs()).unwrap_or(i64::MAX);
        // One step more, because only whole steps reach the start.
        let span = (end - request.window.start).num_seconds().max(1).saturating_add(reach).saturating_add(2 * STEPS[4]);
        Question { expr: format!("{selector}[{span}s]"), end, range: None }
    };
    SamplesTask { questions: wanted.into_iter().map(question).collect(), labels: known.labels() }
}

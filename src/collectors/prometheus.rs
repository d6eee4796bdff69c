//! Owns how the Prometheus is found: of those in the cluster, the one that has our servers' samples, not the one with
//! the right name. The answer of each is in the bundle.

use super::collector::Collector;
use crate::{
    bundle::{Backend, BundleError, IdentityClaim, Outcome, layout},
    collect::{ClusterContext, Entry, Named, PrometheusRoute, TaskResult},
    facts::identity,
    plan::{
        CLUSTERS, FindTask, Planned, Planning, Preset, PrometheusChoice, Question, Right, Role, Stage, Task, TaskSpec,
        whom,
    },
    promql::Labels,
    source::{
        kubernetes::SourceError,
        prometheus::{self, DEFAULT_PORT, PREFIXES, Prometheus, PrometheusError, Service},
    },
};
use futures_util::future::{FutureExt as _, join_all};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long a question may take: twice as long as a Prometheus itself gives it, for it waits for its turn.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);

pub(super) const COLLECTOR: Collector = Collector {
    name: "prometheus",
    purpose: "which Prometheus has samples of the workload, and why it is queried",
    is_optional: false,
    plan,
    collect: |context, task| task.spec().map(|find| collect(context, task, find).boxed()),
};

impl TaskSpec for FindTask {
    fn id(&self) -> String {
        "prometheus".to_owned()
    }

    fn kind(&self) -> &'static str {
        "prometheus"
    }

    fn target(&self) -> String {
        "a Prometheus".to_owned()
    }

    fn path(&self) -> String {
        if self.named.is_none() { "/api/v1/services".to_owned() } else { self.ours.path() }
    }

    fn right(&self) -> Option<Right> {
        // Which service one is behind is known when it is found.
        self.named.is_none().then(|| Right::new("list", "", "services"))
    }

    fn limit(&self) -> Option<Duration> {
        // As long as the queried ones take.
        Some(Duration::from_secs(90))
    }

    fn role(&self) -> Role {
        Role::Prometheus
    }
}

fn plan(planning: &Planning<'_>) -> Vec<Planned> {
    let Stage::Start { now } = planning.stage else { return Vec::new() };
    let request = &planning.basis.request;
    let skipped = || Preset::Skipped("left out by --prometheus none".to_owned());
    let preset = (request.prometheus == PrometheusChoice::Nobody).then(skipped);
    let find = whom(request, &planning.basis.place, now);
    find.map(|find| Planned { task: Task::new(find), preset }).into_iter().collect()
}

/// The time limit for one that was found, and for one that was named, which is the only one.
const FOUND: Duration = Duration::from_secs(12);
const NAMED: Duration = Duration::from_secs(80);

/// The answer of one of them.
struct Candidate {
    prometheus: Prometheus,
    answered: Result<Holds, PrometheusError>,
}

/// How many samples it has in the window.
#[derive(Clone, Debug, Default)]
struct Holds {
    /// Of our servers' pods.
    pods: f64,
    /// Of servers in our namespaces, with their identity labels in `labels`.
    ours: f64,
    labels: Vec<Labels>,
    /// Labels that distinguish ours from those of other clusters, if it has any.
    cluster_labels: BTreeMap<String, String>,
    /// Whether it has samples of other servers that no label distinguishes.
    mixed: bool,
    /// Of any servers.
    anywhere: f64,
    /// Of anything in our namespaces.
    around: f64,
    /// The name and version that it reports.
    version: Option<String>,
}

impl Holds {
    fn words(&self) -> String {
        let mut words = match self {
            Self { ours, .. } if *ours > 0.0 => format!("it has {ours} samples of our servers in the window"),
            Self { anywhere, .. } if *anywhere > 0.0 => {
                format!("it has {anywhere} samples of servers in the window, but they have no namespace label")
            }
            Self { around, .. } if *around > 0.0 => {
                format!("it has {around} samples of our namespaces in the window, but none of our servers")
            }
            _ => "it has no sample of our servers or namespaces in the window".to_owned(),
        };
        if self.mixed {
            words.push_str(", some of them of other clusters, which no label distinguishes");
        }
        for (label, value) in &self.cluster_labels {
            words.push_str(&format!(", distinguished from other clusters by {label}={value}"));
        }
        words
    }

    /// The better it is, the higher.
    fn rank(&self) -> (bool, bool, bool, bool, bool, f64) {
        let all = self.ours + self.anywhere + self.around;
        (self.pods > 0.0, !self.mixed, self.ours > 0.0, self.anywhere > 0.0, self.around > 0.0, all)
    }

    fn is_nothing(&self) -> bool {
        self.ours + self.anywhere + self.around == 0.0
    }
}

async fn collect(context: &ClusterContext, task: &Task, find: &FindTask) -> TaskResult {
    let mut more = None;
    let (candidates, is_named) = match &context.run.reach {
        PrometheusRoute::Address(prometheus) => (vec![(**prometheus).clone()], true),
        PrometheusRoute::Service(Some(named), headers) => match service(context, named).await {
            Ok(service) => {
                (vec![Prometheus::behind_service(context.kubernetes.clone(), service, headers.clone())], true)
            }
            Err(result) => return *result,
        },
        PrometheusRoute::Service(None, headers) => {
            let namespaces: Vec<String> = context.basis.place.namespaces.keys().cloned().collect();
            let found = match prometheus::find_services(&context.kubernetes, &namespaces).await {
                Ok(found) => found,
                Err(error) => return TaskResult::failed(&error, task),
            };
            if found.services.is_empty() {
                return none_found(&found, task);
            }
            more = (found.more > 0).then(|| format!("{} more services were not queried", found.more));
            let behind = |service| Prometheus::behind_service(context.kubernetes.clone(), service, headers.clone());
            (found.services.into_iter().map(behind).collect(), false)
        }
    };
    let limit = if is_named { NAMED } else { FOUND };
    let asked = join_all(candidates.into_iter().map(|prometheus| async move {
        match tokio::time::timeout(limit, ask(&prometheus, find)).await {
            Ok(candidate) => candidate,
            // One that hangs does not delay the others.
            Err(_) => {
                let error = SourceError::TimedOut { what: "asking for its samples", after: limit };
                Candidate { prometheus, answered: Err(error.into()) }
            }
        }
    }))
    .await;
    choose(context, task, asked, is_named, more)
}

/// The service that the user names.
async fn service(context: &ClusterContext, named: &Named) -> Result<Service, Box<TaskResult>> {
    let Named { namespace, name, port } = named.clone();
    let (port, tls) = match port {
        Some(port) => port,
        None => match prometheus::service_port(&context.kubernetes, &namespace, &name).await {
            Ok(port) => port.unwrap_or(DEFAULT_PORT),
            // For a user who may query it but not get the Service.
            Err(error) if error.code() == Some(403) => DEFAULT_PORT,
            Err(error) => {
                let hint = Some("name another with --prometheus NAMESPACE/SERVICE:PORT".to_owned());
                return Err(Box::new(TaskResult { causes: error.causes(), hint, ..TaskResult::new(Outcome::Failed) }));
            }
        },
    };
    Ok(Service { namespace, name, port, tls })
}

fn none_found(found: &prometheus::FoundServices, task: &Task) -> TaskResult {
    let name = "name one with --prometheus URL or --prometheus NAMESPACE/SERVICE".to_owned();
    match &found.refused {
        Some(error) => {
            let mut result = TaskResult::failed(error, task);
            result.causes.insert(0, "no Prometheus was found among the services that may be listed".to_owned());
            let right = result.hint.map(|right| format!("{right}; or ")).unwrap_or_default();
            result.hint = Some(format!("{right}{name}"));
            result
        }
        None => {
            TaskResult { hint: Some(name), ..TaskResult::absent("no service of the cluster looks like a Prometheus") }
        }
    }
}

/// The samples that one of them has, below the first prefix under which it answers.
async fn ask(prometheus: &Prometheus, find: &FindTask) -> Candidate {
    let prefixes = prometheus.service().map_or(PREFIXES.to_vec(), Service::prefixes);
    let mut first = None;
    for prefix in prefixes {
        let mut below = prometheus.with_prefix(prefix);
        let mut answered = holds(&below, find).await;
        if let (Err(PrometheusError::Foreign { code: 400, text }), Some(tls)) = (&answered, below.with_tls())
            && text.contains("HTTPS")
        {
            below = tls;
            answered = holds(&below, find).await;
        }
        match answered {
            Err(error) if error.is_no_prometheus() && error.code().is_some() => {
                first.get_or_insert((below, error));
            }
            answered => return Candidate { prometheus: below, answered },
        }
    }
    match first {
        Some((prometheus, error)) => Candidate { prometheus, answered: Err(error) },
        None => Candidate { prometheus: prometheus.clone(), answered: Ok(Holds::default()) },
    }
}

async fn holds(prometheus: &Prometheus, find: &FindTask) -> Result<Holds, PrometheusError> {
    let (ours, all) = count(prometheus, &find.ours).await?;
    let mut holds = Holds { ours, labels: all.clone(), ..Holds::default() };
    if ours > 0.0
        && let Some(pods) = &find.pods
    {
        let (pods, labels) = count(prometheus, pods).await?;
        if pods > 0.0 {
            (holds.pods, holds.labels) = (pods, labels);
        }
    }
    for label in CLUSTERS {
        let value = |labels: &Labels| labels.get(label).map(str::to_owned);
        let values = |of: &[Labels]| of.iter().map(value).collect::<BTreeSet<_>>();
        let (of_all, of_ours) = (values(&all), values(&holds.labels));
        if of_all.len() < 2 {
            continue;
        }
        match of_ours.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(value)] if holds.pods > 0.0 => drop(holds.cluster_labels.insert(label.to_owned(), value.clone())),
            _ => holds.mixed = true,
        }
    }
    // Where one label tells them apart, others need not.
    holds.mixed &= holds.cluster_labels.is_empty();
    if ours == 0.0 {
        let (anywhere, labels) = count(prometheus, &find.anywhere).await?;
        holds.anywhere = anywhere;
        let of_one = |label: &str| labels.iter().map(|it| it.get(label)).collect::<BTreeSet<_>>().len() < 2;
        holds.mixed = !CLUSTERS.iter().all(|label| of_one(label));
    }
    if ours + holds.anywhere == 0.0 {
        holds.around = count(prometheus, &find.around).await?.0;
    }
    // Some say nothing of themselves.
    holds.version = prometheus.version().await.unwrap_or_default();
    Ok(holds)
}

/// The sum of an answer's values, and its labels.
async fn count(prometheus: &Prometheus, question: &Question) -> Result<(f64, Vec<Labels>), PrometheusError> {
    /// More trust domains and clusters than any Prometheus has; what answers with more is not one.
    const MOST: usize = 1000;
    let (mut answer, _) = prometheus.ask(question).await?;
    let (mut sum, mut labels) = (0.0, Vec::new());
    while let Some(series) = answer.next().await? {
        for series in series {
            sum += series.value().filter(|value| value.is_finite()).unwrap_or_default();
            labels.push(series.metric.into());
        }
        if labels.len() > MOST {
            return Err(PrometheusError::TooLarge { what: "the number of series", limit: MOST });
        }
    }
    Ok((sum, labels))
}

fn choose(
    context: &ClusterContext,
    task: &Task,
    asked: Vec<Candidate>,
    is_named: bool,
    more: Option<String>,
) -> TaskResult {
    let best = asked.iter().filter_map(|it| Some((it, it.answered.as_ref().ok()?)));
    let best = best.reduce(|held, it| if it.1.rank() > held.1.rank() { it } else { held });
    let best = best.filter(|(_, holds)| is_named || !holds.is_nothing());
    let others = asked.len() - 1;
    let why = best.map(|(_, holds)| match (is_named, others) {
        (true, _) => format!("named by --prometheus; {}", holds.words()),
        (false, 0) => format!("the only one that was found; {}", holds.words()),
        (false, _) => format!("the best of {} that were found: {}", asked.len(), holds.words()),
    });
    let entry = match record(context, task, &asked, best.map(|(it, _)| it), why.as_deref(), more) {
        Ok(entry) => entry,
        Err(error) => return error.into(),
    };
    let (Some((chosen, holds)), Some(why)) = (best, why) else {
        return TaskResult { entries: vec![entry], ..none_chosen(&asked, is_named) };
    };
    let at = chosen.prometheus.shown();
    // Set once for each cluster.
    context.set_prometheus(chosen.prometheus.clone());
    let claims = holds
        .labels
        .iter()
        .flat_map(|labels| identity::of_series(&context.run.searches.names, labels, &at, &context.cluster));
    // The labels of servers elsewhere are not claims about ours; if no label distinguishes them, they are only hints.
    let claims = claims.filter(|_| holds.ours > 0.0).map(|claim| IdentityClaim { hint: holds.mixed, ..claim });
    let claims = claims.collect();
    let backend = Backend {
        at,
        why,
        version: holds.version.clone(),
        by_namespace: holds.ours > 0.0,
        has_servers: holds.ours + holds.anywhere > 0.0,
        cluster_labels: holds.cluster_labels.clone(),
        mixed: holds.mixed,
    };
    TaskResult { backend: Some(backend), claims, ..TaskResult::collected(vec![entry]) }
}

/// Those that were queried, and their answers.
fn record(
    context: &ClusterContext,
    task: &Task,
    asked: &[Candidate],
    chosen: Option<&Candidate>,
    why: Option<&str>,
    more: Option<String>,
) -> Result<Entry, BundleError> {
    let one = |it: &Candidate| -> Value {
        let mut about = json!({ "at": it.prometheus.shown() });
        match &it.answered {
            Ok(holds) => {
                about["holds"] = holds.words().into();
                about["samples_of_our_servers"] = holds.ours.into();
                about["version"] = holds.version.clone().into();
            }
            Err(error) => about["error"] = error.causes().into(),
        }
        about
    };
    let about = json!({
        "chosen": chosen.map(|it| it.prometheus.shown()),
        "why": why,
        "asked": asked.iter().map(one).collect::<Vec<_>>(),
        "not_asked": more,
    });
    let (clean, counts) = context.run.redactor.object(about);
    context.write(layout::prometheus(&context.cluster), &task.request(), &clean.to_clean(), counts)
}

/// Why none of them is used.
fn none_chosen(asked: &[Candidate], is_named: bool) -> TaskResult {
    let error = asked.iter().find_map(|it| Some((&it.prometheus, it.answered.as_ref().err()?)));
    match error {
        Some((prometheus, error)) => {
            let mut result = failed(prometheus, error);
            let first = match (is_named, asked.len()) {
                (true, _) | (_, 1) => format!("{} was queried", prometheus.shown()),
                (false, many) => format!("{many} services were queried, {} among them", prometheus.shown()),
            };
            result.causes.insert(0, first);
            result
        }
        None => {
            let which = match asked {
                [one] => format!("{} was", one.prometheus.shown()),
                many => format!("{} services were", many.len()),
            };
            let hint = "name the one that scrapes the servers with --prometheus URL or NAMESPACE/SERVICE";
            TaskResult {
                causes: vec![format!("{which} found, with no sample of our servers or namespaces in the window")],
                hint: Some(hint.to_owned()),
                ..TaskResult::new(Outcome::Empty)
            }
        }
    }
}

/// The result of a query that was not answered.
pub(super) fn failed(prometheus: &Prometheus, error: &PrometheusError) -> TaskResult {
    let (outcome, hint) = match error {
        PrometheusError::Transport(error) => {
            let right = || {
                let service = prometheus.service()?;
                Some(Right::of_service(&service.namespace, &service.proxy_name()))
            };
            let mut result = TaskResult::refused(error, right);
            if result.outcome == Outcome::TimedOut && result.hint.is_none() {
                result.hint = Some("allow more time with --request-timeout".to_owned());
            }
            // A service that does not exist does not mean that there are no metrics.
            if result.outcome == Outcome::Absent {
                result.outcome = Outcome::Failed;
            }
            return result;
        }
        PrometheusError::Refused { code: 401 | 403, .. } | PrometheusError::Foreign { code: 401 | 403, .. } => {
            (Outcome::Forbidden, Some(credentials(prometheus)))
        }
        // A proxy's error if no client certificate was sent.
        PrometheusError::Foreign { code: 400, text } if text.to_lowercase().contains("certificate") => {
            (Outcome::Forbidden, Some(credentials(prometheus)))
        }
        PrometheusError::Redirected { to, is_same_host: true } => {
            (Outcome::Failed, Some(format!("give --prometheus {to}, without the part that begins with /api")))
        }
        PrometheusError::Redirected { .. } | PrometheusError::Foreign { code: 300..=399, .. } => {
            (Outcome::Failed, Some(credentials(prometheus)))
        }
        PrometheusError::TooLarge { .. } | PrometheusError::Refused { .. } | PrometheusError::Parse(_) => {
            (Outcome::Failed, None)
        }
        PrometheusError::Foreign { .. } | PrometheusError::Unreachable(_) => {
            (Outcome::Failed, Some("check the address; name another with --prometheus".to_owned()))
        }
    };
    TaskResult { causes: error.causes(), hint, ..TaskResult::new(outcome) }
}

fn credentials(prometheus: &Prometheus) -> String {
    match prometheus.service() {
        Some(_) => {
            "it requires credentials, which the API server does not pass on: give its address with --prometheus URL, \
             and --prometheus-bearer, --prometheus-basic or --prometheus-header"
        }
        None => {
            "it requires credentials, or different ones: --prometheus-bearer, --prometheus-basic, --prometheus-cert \
             with --prometheus-key, or for a tenant --prometheus-header 'X-Scope-OrgID: NAME'"
        }
    }
    .to_owned()
}

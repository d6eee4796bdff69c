//! Owns `queries.txt`: every query of a cluster with its verdict, ready to paste into a Prometheus that we could not
//! reach.

use super::verdict;
use crate::{
    bundle::{Backend, ClusterInfo, IdentityClaim, IdentityKind, QueryRecord},
    plan::{self, Known, Narrowings, Question, RANGE, Request},
    profile::{NarrowedBy, QueryRule},
    text::utc,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// What the claims say about a cluster's workload. Hints do not count, and the user's flags replace what was found.
#[must_use]
pub fn known(
    request: &Request,
    claims: &[IdentityClaim],
    (cluster, namespaces): (&str, Vec<String>),
    backend: Option<&Backend>,
) -> Known {
    let found = |what: IdentityKind| {
        let of_kind = claims.iter().filter(|claim| claim.what == what && !claim.hint);
        let here = of_kind.filter(|claim| claim.cluster.as_deref().is_none_or(|of| of == cluster));
        here.map(|claim| claim.value.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let given_or_found = |flag: &Option<String>, what| flag.clone().map_or_else(|| found(what), |value| vec![value]);
    Known {
        trust_domains: given_or_found(&request.trust_domain, IdentityKind::TrustDomain),
        deployments: found(IdentityKind::Deployment),
        namespaces,
        regions: given_or_found(&request.region, IdentityKind::Region),
        is_by_namespace: backend.is_some_and(|backend| backend.by_namespace),
        is_mixed: backend.is_some_and(|backend| backend.mixed),
        is_without_servers: backend.is_some_and(|backend| !backend.has_servers),
        cluster_labels: backend.map(|backend| backend.cluster_labels.clone().into_iter().collect()).unwrap_or_default(),
    }
}

/// The text of the file; `None` if there are no queries.
#[must_use]
pub fn text(
    request: &Request,
    claims: &[IdentityClaim],
    cluster: &ClusterInfo,
    answered: &[QueryRecord],
    now: DateTime<Utc>,
) -> Option<String> {
    let (profile, window) = (&request.profile, &request.window);
    if request.questions() == 0 {
        return None;
    }
    let known = known(request, claims, (&cluster.name, cluster.namespaces.clone()), cluster.prometheus.as_ref());
    let answered: Vec<&QueryRecord> = answered.iter().filter(|record| record.cluster == cluster.name).collect();
    let has = |is_of_now: bool| answered.iter().any(|it| it.entry.is_some() && it.answer.is_as_of_now() == is_of_now);
    let mut asked = match &cluster.prometheus {
        Some(backend) if has(false) => {
            format!("queried {}: {}; the answers are in queries/<name>.json", backend.at, backend.why)
        }
        Some(backend) => format!("{} was found but not queried: these are the queries without answers", backend.at),
        None => "no Prometheus was queried: these are the queries without answers".to_owned(),
    };
    if has(true) {
        asked.push_str("; answers from scrapes and objects describe the time of the collection");
    }
    let mut text = format!(
        "# PromQL of profile {} {} for cluster {}, to paste into Grafana's Explore or Prometheus.\n\
         # Window: {} to {}{}. Rates are over {RANGE}.\n\
         # {}.\n\
         # No data does not show health: a metric may be missing, or have other labels. If one Prometheus has\n\
         # several clusters, add the label that tells them apart.\n",
        profile.name,
        profile.version,
        line(&cluster.name),
        utc(window.start),
        utc(window.end),
        window.incident.map(|incident| format!(", incident {}", utc(incident.start))).unwrap_or_default(),
        line(&capital(&asked)),
    );
    let Narrowings { identity, namespace, .. } = Narrowings::of(request, &known);
    let others = namespace.iter().filter(|it| !identity.contains(it));
    for (label, values) in identity.iter().chain(others) {
        text.push_str(&match values.is_empty() {
            true => format!("# Not narrowed by {label}: its value is unknown.\n"),
            false => format!("# {label}: {}.\n", line(&values.join(", "))),
        });
    }
    let record = |id: &str| answered.iter().find(|record| record.id == id);
    if !request.queries.is_empty() {
        text.push_str("\n## the user's own\n");
    }
    for (id, expr) in &request.queries {
        let expr = record(id).map_or(expr, |record| &record.expr);
        text.push_str(&format!("\n# {id}\n{}{expr}\n", record(id).map(|it| answer(it)).unwrap_or_default()));
    }
    let mut scenario = "";
    for (rule, Question { expr, .. }, _) in plan::of_profile(request, &known, now) {
        if rule.scenario != scenario {
            scenario = &rule.scenario;
            text.push_str(&format!("\n## {scenario}\n"));
        }
        // As it was sent, narrowed by what was known then; but the form for scrapes has ranges of seconds, which are
        // of no use in a Prometheus.
        let asked = record(&rule.id).filter(|record| !record.answer.is_as_of_now());
        let expr = asked.map_or(&expr, |record| &record.expr);
        let answer = record(&rule.id).map(|it| answer(it)).unwrap_or_default();
        text.push_str(&format!("\n# {}\n{answer}{expr}\n", about(rule)));
    }
    Some(text)
}

/// A query's id, meaning, unit and bounds.
fn about(rule: &QueryRule) -> String {
    let QueryRule { id, measures, unit, healthy, alert, lookback, narrowed_by, .. } = rule;
    let mut about = format!("{id}: {measures}; {}", unit.words());
    for (what, bound) in [("healthy", healthy), ("alert", alert)] {
        if let Some(bound) = bound {
            about.push_str(&format!("; {what} {bound}"));
        }
    }
    if let Some(lookback) = lookback {
        about.push_str(&format!("; look back {lookback}"));
    }
    if *narrowed_by == NarrowedBy::Cluster {
        about.push_str("; of the whole cluster");
    }
    about
}

/// The verdict, as a comment line.
fn answer(record: &QueryRecord) -> String {
    let QueryRecord { start, end, step_seconds, .. } = record;
    if record.answer.of_objects {
        return format!("# {}\n", verdict::words(record));
    }
    format!("# {} to {}, every {step_seconds} s: {}\n", utc(*start), utc(*end), verdict::words(record))
}

/// A text as one line, because a name may contain anything.
fn line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// The text with its first letter in upper case.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

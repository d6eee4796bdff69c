//! The profile's queries, filled in for one cluster: text to paste into whatever asks a Prometheus. Pure.

use super::coverage::utc;
use crate::{
    bundle::{ClusterInfo, IdentityKind, Manifest},
    plan::window::Window,
    profile::{NarrowedBy, Profile, QueryRule},
};
use std::collections::BTreeSet;

/// Over which time rates are taken: long enough for four scrapes a minute apart, short enough to show minutes.
const RANGE: &str = "5m";
/// The label by which what is told of pods from outside is narrowed.
const NAMESPACE: &str = "namespace";

/// How a manifest calls what the user said of the trust domain.
const SAID: &str = "--trust-domain";

/// What is known of the workload in a cluster.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The cluster's name.
    pub cluster: String,
    /// Its trust domains.
    pub trust_domains: Vec<String>,
    /// Its deployments.
    pub deployments: Vec<String>,
    /// Its namespaces.
    pub namespaces: Vec<String>,
}

impl Known {
    /// What a manifest says of a cluster. What is only hinted at is left out.
    #[must_use]
    pub fn of(manifest: &Manifest, cluster: &ClusterInfo) -> Self {
        let values = |what: IdentityKind| {
            let said = manifest.identity.iter().filter(|claim| claim.what == what && !claim.hint);
            let here = said.filter(|claim| claim.cluster.as_ref().is_none_or(|of| *of == cluster.name));
            here.map(|claim| claim.value.clone()).collect::<BTreeSet<_>>().into_iter().collect()
        };
        // What the user said comes before what was found.
        let said = manifest.trust_domain.clone().filter(|_| manifest.trust_domain_source.as_deref() == Some(SAID));
        Self {
            cluster: cluster.name.clone(),
            trust_domains: said.map_or_else(|| values(IdentityKind::TrustDomain), |said| vec![said]),
            deployments: values(IdentityKind::Deployment),
            namespaces: cluster.namespaces.clone(),
        }
    }
}

/// The text; none where the profile has no queries.
#[must_use]
pub fn text(profile: &Profile, window: &Window, known: &Known) -> Option<String> {
    if profile.queries.is_empty() {
        return None;
    }
    let labels = &profile.identity.metric_labels;
    let pair = |label: &Option<String>, values: &[String]| Some((label.clone()?, values.to_vec()));
    let identity = [pair(&labels.trust_domain, &known.trust_domains), pair(&labels.deployment, &known.deployments)];
    let identity: Vec<_> = identity.into_iter().flatten().collect();
    let namespace = vec![(NAMESPACE.to_owned(), known.namespaces.clone())];
    let mut text = format!(
        "# PromQL of profile {} {} for cluster {}, to paste into Grafana's Explore or Prometheus.\n\
         # Window: {} to {}{}. Rates are over {RANGE}.\n\
         # Nothing was asked of a Prometheus: these are the questions, not their answers. No data is no all-clear:\n\
         # it may also mean that a metric is not there, or has other labels. Where one Prometheus has several\n\
         # clusters, add the label that tells them apart.\n",
        profile.name,
        profile.version,
        line(&known.cluster),
        utc(window.start),
        utc(window.end),
        window.incident.map(|incident| format!(", incident {}", utc(incident.start))).unwrap_or_default(),
    );
    for (label, values) in identity.iter().chain(&namespace) {
        text.push_str(&match values.is_empty() {
            true => format!("# Not narrowed by {label}, whose value is not known.\n"),
            false => format!("# {label}: {}.\n", line(&values.join(", "))),
        });
    }
    let mut scenario = "";
    for rule in &profile.queries {
        if rule.scenario != scenario {
            scenario = &rule.scenario;
            text.push_str(&format!("\n## {scenario}\n"));
        }
        let narrowing = match rule.narrowed_by {
            NarrowedBy::Identity => &identity,
            NarrowedBy::Namespace => &namespace,
        };
        // Checked when the profile was loaded.
        let Ok(query) = rule.query(RANGE) else { continue };
        text.push_str(&format!("\n# {}\n{}\n", about(rule), query.narrowed(narrowing)));
    }
    Some(text)
}

fn about(rule: &QueryRule) -> String {
    let QueryRule { id, measures, unit, healthy, alert, lookback, .. } = rule;
    let mut about = format!("{id}: {measures}; {}", unit.words());
    for (what, bound) in [("healthy", healthy), ("alert", alert)] {
        if let Some(bound) = bound {
            about.push_str(&format!("; {what} {bound}"));
        }
    }
    if let Some(lookback) = lookback {
        about.push_str(&format!("; look back {lookback}"));
    }
    about
}

/// A text as one line: a name may have anything in it.
fn line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

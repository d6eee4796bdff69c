//! Owns the identity of the workload: claims about trust domain, deployment and region, each with its source. Nothing is
//! guessed; if two sources disagree, both are kept.

use crate::{
    bundle::{IdentityClaim, IdentityKind},
    kubelet_log::LineSplitter,
    profile::Profile,
    promql::Labels,
    redact::{Clean, CleanJson},
};
use memchr::memmem::Finder;
use std::collections::BTreeSet;

/// The names of labels, fields and variables from which a profile reads identity.
#[derive(Clone, Debug)]
pub struct IdentityNames {
    info_metric: String,
    labels: Vec<(IdentityKind, String)>,
    fields: Vec<(IdentityKind, String)>,
    region_labels: Vec<String>,
    region_hints: Vec<String>,
}

impl IdentityNames {
    /// The names in a profile.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        let identity = &profile.identity;
        let labels = &identity.metric_labels;
        let trust_domain = labels.trust_domain.iter().map(|label| (IdentityKind::TrustDomain, label.clone()));
        let deployment = labels.deployment.iter().map(|label| (IdentityKind::Deployment, label.clone()));
        let fields = &identity.log_fields;
        let of_logs = |kind: IdentityKind, names: &[String]| {
            names.iter().map(move |name| (kind, name.clone())).collect::<Vec<_>>()
        };
        Self {
            info_metric: identity.info_metric.clone().unwrap_or_default(),
            labels: trust_domain.chain(deployment).collect(),
            fields: [
                of_logs(IdentityKind::TrustDomain, &fields.trust_domain),
                of_logs(IdentityKind::Deployment, &fields.deployment),
            ]
            .concat(),
            region_labels: identity.region_labels.clone(),
            region_hints: identity.region_hints.env.clone(),
        }
    }
}

/// The region in an object's labels.
#[must_use]
pub fn of_labels(names: &IdentityNames, object: &CleanJson, what: &str, cluster: &str) -> Vec<IdentityClaim> {
    let object = object.value();
    let labels = &object["metadata"]["labels"];
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let found = names.region_labels.iter().find_map(|label| Some((label, labels[label.as_str()].as_str()?)));
    let claim = found.map(|(label, region)| IdentityClaim {
        what: IdentityKind::Region,
        value: region.to_owned(),
        source: format!("label {label} of {what} {name}"),
        cluster: Some(cluster.to_owned()),
        hint: false,
    });
    claim.into_iter().collect()
}

/// The identity in the labels of a series, of the Prometheus with this address.
#[must_use]
pub fn of_series(names: &IdentityNames, labels: &Labels, at: &str, cluster: &str) -> Vec<IdentityClaim> {
    let claim = |(what, label): &(IdentityKind, String)| {
        let value = labels.get(label)?.to_owned();
        let source = format!("{label} in {at}");
        Some(IdentityClaim { what: *what, value, source, cluster: Some(cluster.to_owned()), hint: false })
    };
    names.labels.iter().filter_map(claim).collect()
}

/// The region in a pod's labels, and the hints in its environment variables.
#[must_use]
pub fn of_pod(names: &IdentityNames, pod: &CleanJson, cluster: &str) -> Vec<IdentityClaim> {
    let mut claims = of_labels(names, pod, "pod", cluster);
    let containers = pod.value()["spec"]["containers"].as_array().into_iter().flatten();
    for env in containers.flat_map(|container| container["env"].as_array().into_iter().flatten()) {
        let (Some(variable), Some(value)) = (env["name"].as_str(), env["value"].as_str()) else { continue };
        if names.region_hints.iter().any(|hint| hint == variable) {
            claims.push(IdentityClaim {
                what: IdentityKind::Region,
                value: value.to_owned(),
                source: format!("variable {variable} of the pod's containers"),
                cluster: Some(cluster.to_owned()),
                hint: true,
            });
        }
    }
    claims
}

/// Reads claims from a log or a scrape while it streams by, until each kind was found once.
#[derive(Debug)]
pub struct IdentityReader {
    names: Vec<SearchedName>,
    found: Vec<(IdentityKind, String, String)>,
    splitter: LineSplitter,
}

/// A name and its value are found in one piece within so much of a line (bytes).
const LONGEST_LINE: usize = 8 << 10;

#[derive(Debug)]
struct SearchedName {
    kind: IdentityKind,
    name: String,
    /// The text before the value: `name="` in a scrape, `"name":"` in a log.
    before: Finder<'static>,
    /// The start of the line whose value is preferred: that of the info metric.
    preferred: Option<Finder<'static>>,
}

impl IdentityReader {
    /// For JSON log lines, by the profile's field names.
    #[must_use]
    pub fn of_log(names: &IdentityNames) -> Self {
        let names = names.fields.iter().map(|(kind, field)| SearchedName {
            kind: *kind,
            // A dotted name is a path of keys; the last key is before the value.
            name: field.clone(),
            before: finder(&format!("\"{}\":\"", field.rsplit('.').next().unwrap_or(field))),
            preferred: None,
        });
        Self { names: names.collect(), found: Vec::new(), splitter: LineSplitter::new(LONGEST_LINE) }
    }

    /// For Prometheus' text format, by the profile's label names.
    #[must_use]
    pub fn of_scrape(names: &IdentityNames) -> Self {
        let info_metric = &names.info_metric;
        let names = names.labels.iter().map(|(kind, label)| SearchedName {
            kind: *kind,
            name: label.clone(),
            before: finder(&format!("{label}=\"")),
            preferred: Some(finder(&format!("{info_metric}{{"))),
        });
        Self { names: names.collect(), found: Vec::new(), splitter: LineSplitter::new(LONGEST_LINE) }
    }

    /// Takes the next clean bytes.
    pub fn push(&mut self, clean: &Clean) {
        if self.names.is_empty() {
            return;
        }
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.push(clean.as_bytes()).into_iter().for_each(|block| self.search(block.bytes()));
        self.splitter = splitter;
    }

    fn search(&mut self, lines: &[u8]) {
        let mut found = std::mem::take(&mut self.found);
        self.names.retain(|name| {
            let Some((value, is_preferred)) = name.find(lines) else { return true };
            match found.iter_mut().find(|held| held.0 == name.kind) {
                Some(held) if is_preferred => held.1 = value,
                Some(_) => {}
                None => found.push((name.kind, value, name.name.clone())),
            }
            // The label of another metric counts until the info metric is found.
            name.preferred.is_some() && !is_preferred
        });
        self.found = found;
    }

    /// The claims that were found in `source`, such as [`of_log`].
    #[must_use]
    pub fn claims(self, source: &str, cluster: &str) -> Vec<IdentityClaim> {
        let claim = |(what, value, name): (IdentityKind, String, String)| IdentityClaim {
            what,
            value,
            source: format!("{name} in {source}"),
            cluster: Some(cluster.to_owned()),
            hint: false,
        };
        self.found.into_iter().map(claim).collect()
    }
}

fn finder(text: &str) -> Finder<'static> {
    Finder::new(text).into_owned()
}

impl SearchedName {
    /// The value in these lines, and whether it is the preferred one.
    fn find(&self, lines: &[u8]) -> Option<(String, bool)> {
        let preferred = self.preferred.as_ref().and_then(|start| start.find(lines));
        let from = preferred.unwrap_or(0);
        let at = from + self.before.find(&lines[from..])? + self.before.needle().len();
        let value = lines[at..].split(|byte| *byte == b'"').next()?;
        let value = std::str::from_utf8(value).ok().filter(|value| !value.is_empty() && value.len() <= 255)?;
        Some((value.to_owned(), preferred.is_some() || self.preferred.is_none()))
    }
}

/// A container's log, as the source of a claim.
#[must_use]
pub fn of_log(pod: &str, container: &str) -> String {
    format!("{OF_LOG}{pod}/{container}")
}

const OF_LOG: &str = "the log of ";

/// Turns the claims of logs into hints if metrics or labels claim the same kind, because a server also logs about other
/// trust domains.
pub fn prefer(claims: &mut [IdentityClaim]) {
    let is_log = |claim: &IdentityClaim| claim.source.contains(&format!(" in {OF_LOG}"));
    let better: BTreeSet<(IdentityKind, Option<String>)> = claims
        .iter()
        .filter(|claim| !claim.hint && !is_log(claim))
        .map(|claim| (claim.what, claim.cluster.clone()))
        .collect();
    for claim in claims.iter_mut().filter(|claim| is_log(claim)) {
        claim.hint |= better.contains(&(claim.what, claim.cluster.clone()));
    }
}

/// The claims of one kind, put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinedClaims {
    /// All claimed values without hints, sorted. More than one means that sources disagree.
    pub values: Vec<String>,
    /// The source of the first value.
    pub source: Option<String>,
}

/// Joins the claims of one kind. The value of the user's flag replaces them all.
#[must_use]
pub fn join(claims: &[IdentityClaim], what: IdentityKind, flag: Option<(&str, &str)>) -> JoinedClaims {
    if let Some((value, flag)) = flag {
        return JoinedClaims { values: vec![value.to_owned()], source: Some(flag.to_owned()) };
    }
    let of_kind = || claims.iter().filter(|claim| claim.what == what && !claim.hint);
    let values: BTreeSet<&str> = of_kind().map(|claim| claim.value.as_str()).collect();
    let first = values.first().copied();
    JoinedClaims {
        source: of_kind().filter(|claim| Some(claim.value.as_str()) == first).map(|claim| claim.source.clone()).min(),
        values: values.into_iter().map(str::to_owned).collect(),
    }
}

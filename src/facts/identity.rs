//! Who this is: trust domain, deployment and region, each with where it was read. Nothing is
//! guessed; where two sources disagree, both are kept.

use crate::{
    bundle::{IdentityClaim, IdentityKind},
    profile::Profile,
    promql::Labels,
    redact::{Clean, CleanJson},
};
use memchr::memmem::Finder;
use std::collections::BTreeSet;

/// The names that a profile says identity is read by.
#[derive(Clone, Debug)]
pub struct Names {
    info_metric: String,
    labels: Vec<(IdentityKind, String)>,
    fields: Vec<(IdentityKind, String)>,
    region_labels: Vec<String>,
    region_hints: Vec<String>,
}

impl Names {
    /// Those of a profile.
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

/// The region that an object's labels name.
#[must_use]
pub fn of_labels(names: &Names, object: &CleanJson, what: &str, cluster: &str) -> Vec<IdentityClaim> {
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

/// What a series' labels name, in the samples of a Prometheus that is `at` somewhere.
#[must_use]
pub fn of_series(names: &Names, labels: &Labels, at: &str, cluster: &str) -> Vec<IdentityClaim> {
    let claim = |(what, label): &(IdentityKind, String)| {
        let value = labels.get(label)?.to_owned();
        let source = format!("{label} in {at}");
        Some(IdentityClaim { what: *what, value, source, cluster: Some(cluster.to_owned()), hint: false })
    };
    names.labels.iter().filter_map(claim).collect()
}

/// The region that a pod's labels name, and what its variables hint at.
#[must_use]
pub fn of_pod(names: &Names, pod: &CleanJson, cluster: &str) -> Vec<IdentityClaim> {
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

/// Reads claims out of a log or a scrape while it streams by, until each kind was found once.
#[derive(Debug)]
pub struct Extract {
    wanted: Vec<Wanted>,
    found: Vec<(IdentityKind, String, String)>,
    /// The last line's beginning, when the chunk ended within it; at most [`LONGEST_LINE`].
    rest: Vec<u8>,
}

/// Identity stands near a line's beginning; of longer lines the rest is not looked at.
const LONGEST_LINE: usize = 8 << 10;

#[derive(Debug)]
struct Wanted {
    kind: IdentityKind,
    name: String,
    /// What stands before the value: `name="` in a scrape, `"name":"` in a log.
    before: Finder<'static>,
    /// A line that must begin like this for the claim to be the better one.
    better: Option<Finder<'static>>,
}

impl Extract {
    /// Of JSON log lines, by the profile's field names.
    #[must_use]
    pub fn of_log(names: &Names) -> Self {
        let wanted = names.fields.iter().map(|(kind, field)| Wanted {
            kind: *kind,
            // A dotted name steps into an object; the innermost key is what stands before the value.
            name: field.clone(),
            before: finder(&format!("\"{}\":\"", field.rsplit('.').next().unwrap_or(field))),
            better: None,
        });
        Self { wanted: wanted.collect(), found: Vec::new(), rest: Vec::new() }
    }

    /// Of Prometheus text, by the profile's label names.
    #[must_use]
    pub fn of_scrape(names: &Names) -> Self {
        let wanted = names.labels.iter().map(|(kind, label)| Wanted {
            kind: *kind,
            name: label.clone(),
            before: finder(&format!("{label}=\"")),
            better: Some(finder(&format!("{}{{", names.info_metric))),
        });
        Self { wanted: wanted.collect(), found: Vec::new(), rest: Vec::new() }
    }

    /// Looks at the next clean bytes.
    pub fn push(&mut self, clean: &Clean) {
        if self.wanted.is_empty() {
            return;
        }
        let mut clean = clean.as_bytes();
        if !self.rest.is_empty() {
            let end = memchr::memchr(b'\n', clean).map_or(clean.len(), |at| at + 1);
            let room = LONGEST_LINE.saturating_sub(self.rest.len()).min(end);
            self.rest.extend_from_slice(&clean[..room]);
            if end == clean.len() && clean.last() != Some(&b'\n') {
                return;
            }
            let line = std::mem::take(&mut self.rest);
            self.look(&line);
            clean = &clean[end..];
        }
        let whole = memchr::memrchr(b'\n', clean).map_or(0, |at| at + 1);
        self.look(&clean[..whole]);
        let tail = &clean[whole..];
        self.rest.extend_from_slice(&tail[..tail.len().min(LONGEST_LINE)]);
    }

    fn look(&mut self, lines: &[u8]) {
        let mut found = std::mem::take(&mut self.found);
        self.wanted.retain(|wanted| {
            let Some((value, is_better)) = wanted.find(lines) else { return true };
            match found.iter_mut().find(|held| held.0 == wanted.kind) {
                Some(held) if is_better => held.1 = value,
                Some(_) => {}
                None => found.push((wanted.kind, value, wanted.name.clone())),
            }
            // Another metric's label is taken until the info metric itself comes by.
            wanted.better.is_some() && !is_better
        });
        self.found = found;
    }

    /// What was found, as said by `source`, such as [`of_log`].
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

impl Wanted {
    fn find(&self, lines: &[u8]) -> Option<(String, bool)> {
        let better = self.better.as_ref().and_then(|start| start.find(lines));
        let from = better.unwrap_or(0);
        let at = from + self.before.find(&lines[from..])? + self.before.needle().len();
        let value = lines[at..].split(|byte| *byte == b'"').next()?;
        let value = std::str::from_utf8(value).ok().filter(|value| !value.is_empty() && value.len() <= 255)?;
        Some((value.to_owned(), better.is_some() || self.better.is_none()))
    }
}

/// The source of what a container's log says.
#[must_use]
pub fn of_log(pod: &str, container: &str) -> String {
    format!("{OF_LOG}{pod}/{container}")
}

const OF_LOG: &str = "the log of ";

/// Where metrics or labels answer, a log gives hints only: a server writes of other trust domains, too.
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

/// One answer to "who is this", and whether all agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// All that was claimed, hints left out, in order.
    pub values: Vec<String>,
    /// The source of the first.
    pub source: Option<String>,
}

/// The claims of one kind, put together. What the user said counts alone.
#[must_use]
pub fn settle(claims: &[IdentityClaim], what: IdentityKind, said: Option<(&str, &str)>) -> Settled {
    if let Some((value, flag)) = said {
        return Settled { values: vec![value.to_owned()], source: Some(flag.to_owned()) };
    }
    let of_kind = || claims.iter().filter(|claim| claim.what == what && !claim.hint);
    let values: BTreeSet<&str> = of_kind().map(|claim| claim.value.as_str()).collect();
    let first = values.first().copied();
    Settled {
        source: of_kind().filter(|claim| Some(claim.value.as_str()) == first).map(|claim| claim.source.clone()).min(),
        values: values.into_iter().map(str::to_owned).collect(),
    }
}

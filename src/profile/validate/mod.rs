//! The rules of a profile that its types alone do not hold. Above all: nothing
//! that a profile can say makes the program ask for key material.

pub(crate) mod rules;

use super::{
    bound::Bound,
    load::Problem,
    model::{EXAMPLE_RANGE, GroupRule, Identity, ObjectRule, QueryRule, Scope, Scrape, Select, Spec},
    name::{is_dns_label, is_subdomain},
    selector::{self, is_label_key},
};
use crate::{
    promql,
    yaml::{self, Step},
};
use regex_automata::meta::{BuildError, Regex};
use std::collections::HashSet;

/// The group whose objects can hold wrapped signing keys.
const KEY_GROUP: &str = "data.spirl.com";

/// Helm can keep its releases in ConfigMaps, chart values and the keys among
/// them included; this requirement leaves them out.
const NOT_HELM: &str = "owner!=helm";

/// What Helm calls the ConfigMap of a release, up to the release's name.
const HELM_RELEASE: &str = "sh.helm.release.";

/// A broken rule and the key that breaks it.
pub(super) struct Found {
    path: Vec<Step>,
    message: String,
}

impl Found {
    /// Looks up where in the text the key stands.
    pub(super) fn located(self, text: &str) -> Problem {
        let place = yaml::locate(text, &self.path);
        Problem { line: place.map(|(line, _)| line), column: place.map(|(_, column)| column), message: self.message }
    }
}

/// Every broken rule.
pub(super) fn problems(spec: &Spec) -> Vec<Found> {
    let mut found = Findings(Vec::new());
    found.unless(is_dns_label(&spec.name), &[Step::Key("name")], || {
        format!("`{}` is no profile's name; use lower-case letters, digits and `-`", spec.name)
    });
    found.unless(spec.version > 0, &[Step::Key("version")], || "versions count from 1".to_owned());
    select(&mut found, &spec.select);
    identity(&mut found, &spec.identity);
    objects(&mut found, &spec.objects);
    custom_resources(&mut found, &spec.custom_resources);
    scrapes(&mut found, &spec.scrapes);
    queries(&mut found, &spec.queries);
    rules::rules(&mut found, spec);
    found.0
}

/// Compiles a namespace pattern so that it has to match the whole name.
pub(super) fn whole_name(pattern: &str) -> Result<Regex, Box<BuildError>> {
    // Alone first: `a)|(b` is a pattern only once it is wrapped.
    Regex::new(pattern)?;
    Ok(Regex::new(&format!("^(?:{pattern})$"))?)
}

struct Findings(Vec<Found>);

impl Findings {
    fn unless(&mut self, holds: bool, path: &[Step], message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Found { path: path.to_vec(), message: message() });
        }
    }

    /// Every item of a list of texts has to pass `test`.
    fn each(&mut self, path: &[Step], items: &[String], test: impl Fn(&str) -> bool, what: &str) {
        for (at, item) in items.iter().enumerate() {
            let path: Vec<Step> = path.iter().copied().chain([Step::Item(at)]).collect();
            self.unless(test(item), &path, || format!("`{item}` is no {what}"));
        }
    }
}

fn select(found: &mut Findings, select: &Select) {
    let at = |key| [Step::Key("select"), Step::Key(key)];
    found.unless(!(select.labels.is_empty() && select.workloads.is_empty()), &[Step::Key("select")], || {
        "nothing is selected; give `labels`, `workloads` or both".to_owned()
    });
    for (item, text) in select.labels.iter().enumerate() {
        let path = [Step::Key("select"), Step::Key("labels"), Step::Item(item)];
        match selector::check(text) {
            Ok(selector) => found.unless(selector.selects, &path, || {
                format!("`{text}` only leaves pods out, and so takes in every other; name a label that they have")
            }),
            Err(message) => found.unless(false, &path, || message),
        }
    }
    if let Some(pattern) = &select.namespace_pattern {
        let path = at("namespacePattern");
        match whole_name(pattern) {
            Ok(regex) => {
                for taken in ["default", "kube-system"] {
                    found.unless(!regex.is_match(taken), &path, || {
                        format!("`{pattern}` takes in the namespace {taken}; a pattern has to match the workload's own namespaces only")
                    });
                }
            }
            Err(error) => found.unless(false, &path, || {
                let cause = error.syntax_error().map_or_else(|| error.to_string(), one_line);
                format!("`{pattern}` is no regular expression: {cause}")
            }),
        }
    }
    found.each(&at("namespaces"), &select.namespaces, is_dns_label, "namespace");
    found.unless(select.limit != Some(0), &at("limit"), || {
        "a limit of 0 collects nothing; leave it out for no limit".to_owned()
    });
}

/// The syntax error of a pattern without the picture that takes several lines.
fn one_line(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn identity(found: &mut Findings, identity: &Identity) {
    const HERE: Step = Step::Key("identity");
    if let Some(metric) = &identity.info_metric {
        found.unless(is_metric(metric, true), &[HERE, Step::Key("infoMetric")], || {
            format!("`{metric}` is no metric's name")
        });
    }
    let labels = &identity.metric_labels;
    for (key, label) in
        [("trustDomain", &labels.trust_domain), ("deployment", &labels.deployment), ("version", &labels.version)]
    {
        let Some(label) = label else { continue };
        found.unless(is_metric(label, false), &[HERE, Step::Key("metricLabels"), Step::Key(key)], || {
            format!("`{label}` is no metric label's name")
        });
    }
    for (key, fields) in
        [("trustDomain", &identity.log_fields.trust_domain), ("deployment", &identity.log_fields.deployment)]
    {
        let is_field = |field: &str| {
            !field.is_empty() && field.split('.').all(|part| !part.is_empty() && !part.contains(char::is_whitespace))
        };
        found.each(&[HERE, Step::Key("logFields"), Step::Key(key)], fields, is_field, "log field");
    }
    found.each(&[HERE, Step::Key("regionLabels")], &identity.region_labels, is_label_key, "label's name");
    let is_variable = |name: &str| is_metric(name, false);
    found.each(
        &[HERE, Step::Key("regionHints"), Step::Key("env")],
        &identity.region_hints.env,
        is_variable,
        "environment variable's name",
    );
}

fn objects(found: &mut Findings, rules: &[ObjectRule]) {
    found.unless(!rules.is_empty(), &[Step::Key("objects")], || {
        "no objects are asked for; at least `pods` are needed".to_owned()
    });
    let mut seen = HashSet::new();
    for (item, rule) in rules.iter().enumerate() {
        let here = [Step::Key("objects"), Step::Item(item)];
        let at = |key| [here[0], here[1], Step::Key(key)];
        let resource = &rule.resource;
        found.unless(seen.insert(resource), &at("resource"), || {
            format!("`{resource}` is asked for twice; merge the rules")
        });
        found.unless(rule.metadata_only || !holds_keys(resource.group()), &at("resource"), || {
            format!("objects of {} can hold wrapped signing keys; add `metadataOnly: true`", resource.group())
        });
        let narrowed = [rule.labels.is_some(), !rule.names.is_empty(), rule.scope == Scope::Used];
        found.unless(narrowed.into_iter().filter(|given| *given).count() < 2, &here, || {
            "of `labels`, `names` and `scope: used`, give one".to_owned()
        });
        found.unless(
            !resource.is("nodes", "") || rule.scope == Scope::Used || !rule.names.is_empty(),
            &at("resource"),
            || "`nodes` means every node of the cluster; add `scope: used`".to_owned(),
        );
        if let Some(text) = &rule.labels {
            let checked = selector::check(text);
            found.unless(checked.is_ok(), &at("labels"), || checked.err().unwrap_or_default());
        }
        for (name, text) in rule.names.iter().enumerate() {
            let path = [here[0], here[1], Step::Key("names"), Step::Item(name)];
            found.unless(is_object_name(text), &path, || format!("`{text}` is no object's name"));
        }
        if resource.is("configmaps", "") && !rule.metadata_only {
            config_maps(found, rule, &here);
        }
    }
}

/// ConfigMaps have to be asked for without Helm's releases.
fn config_maps(found: &mut Findings, rule: &ObjectRule, here: &[Step; 2]) {
    let without_helm = |labels: &str| {
        selector::requirements(labels).iter().any(|requirement| requirement.replace(' ', "") == NOT_HELM)
    };
    found.unless(!rule.names.is_empty() || rule.labels.as_deref().is_some_and(without_helm), here, || {
        format!("Helm can keep a chart's values and keys in ConfigMaps; add `labels: {NOT_HELM}`")
    });
    found.unless(!rule.names.iter().any(|name| name.starts_with(HELM_RELEASE)), here, || {
        "a release of Helm holds a chart's values and keys, which are never collected".to_owned()
    });
}

fn custom_resources(found: &mut Findings, rules: &[GroupRule]) {
    let mut seen = HashSet::new();
    for (item, rule) in rules.iter().enumerate() {
        let path = [Step::Key("customResources"), Step::Item(item), Step::Key("group")];
        let group = rule.group.as_str();
        if group.contains('*') {
            found.unless(false, &path, || {
                format!("`{group}` takes in everything, {KEY_GROUP} included; name each group")
            });
            continue;
        }
        // Kubernetes' own groups have a list each in `objects`; the core one, where Secrets are, has no dot.
        found.unless(is_subdomain(group) && group.contains('.'), &path, || {
            format!("`{group}` is no group of custom resources; write its full name, as in `{KEY_GROUP}`")
        });
        found.unless(rule.metadata_only || !holds_keys(group), &path, || {
            format!("objects of {group} can hold wrapped signing keys; add `metadataOnly: true`")
        });
        found.unless(!group.contains("secret"), &path, || {
            format!("`{group}` is about secrets, which are never collected")
        });
        found.unless(seen.insert(group), &path, || format!("`{group}` is asked for twice; merge the rules"));
    }
}

fn scrapes(found: &mut Findings, scrapes: &[Scrape]) {
    let mut seen = HashSet::new();
    for (item, scrape) in scrapes.iter().enumerate() {
        let at = |key| [Step::Key("scrapes"), Step::Item(item), Step::Key(key)];
        let Scrape { name, path, .. } = scrape;
        found.unless(is_dns_label(name), &at("name"), || {
            format!("`{name}` is no scrape's name; use lower-case letters, digits and `-`")
        });
        found.unless(seen.insert(name), &at("name"), || format!("two scrapes are called `{name}`"));
        found.unless(scrape.port > 0, &at("port"), || "ports count from 1".to_owned());
        found.unless(is_path(path), &at("path"), || format!("`{path}` is no path; write one such as `/metrics`"));
        found.each(&at("portAnnotations"), &scrape.port_annotations, is_label_key, "annotation's name");
        found.each(&at("pathAnnotations"), &scrape.path_annotations, is_label_key, "annotation's name");
        found.each(&at("portNames"), &scrape.port_names, |name| is_dns_label(name) && name.len() <= 15, "port's name");
        if let Some(container) = &scrape.container {
            found.unless(is_dns_label(container), &at("container"), || format!("`{container}` is no container's name"));
        }
    }
}

fn queries(found: &mut Findings, queries: &[QueryRule]) {
    let mut seen = HashSet::new();
    for (item, query) in queries.iter().enumerate() {
        let at = |key| [Step::Key("queries"), Step::Item(item), Step::Key(key)];
        let QueryRule { id, scenario, measures, healthy, alert, lookback, step, needs, .. } = query;
        found.unless(is_dns_label(id), &at("id"), || {
            format!("`{id}` is no query's name; use lower-case letters, digits and `-`")
        });
        found.unless(seen.insert(id), &at("id"), || format!("two queries are called `{id}`"));
        for (key, text) in [("scenario", scenario), ("measures", measures)] {
            let is_line = !text.trim().is_empty() && !text.contains(char::is_control);
            found.unless(is_line, &at(key), || "write a line of text".to_owned());
        }
        for (key, bound) in [("healthy", healthy), ("alert", alert)] {
            let Some(bound) = bound else { continue };
            found.unless(bound.parse::<Bound>().is_ok(), &at(key), || {
                format!("`{bound}` is no comparison with a number; write one such as `> 0.99`")
            });
        }
        if let Some(needs) = needs {
            let is_line = !needs.trim().is_empty() && !needs.contains(char::is_control);
            found.unless(is_line, &at("needs"), || "write a line of text".to_owned());
        }
        for (key, time) in [("lookback", lookback), ("step", step)] {
            let Some(time) = time else { continue };
            found.unless(promql::duration(time).is_some(), &at(key), || {
                format!("`{time}` is no duration; write one such as `24h`")
            });
        }
        let read = query.query(EXAMPLE_RANGE);
        found.unless(read.is_ok(), &at("expr"), || read.map_err(|error| error.to_string()).err().unwrap_or_default());
        let read = query.query_of_objects(EXAMPLE_RANGE);
        found.unless(read.is_ok(), &at("fromObjects"), || {
            read.map_err(|error| error.to_string()).err().unwrap_or_default()
        });
    }
}

/// Whether `text` is the path of an endpoint, with a query perhaps, and leads nowhere else.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"#%\\".contains(&b))
        && !text.split(['/', '?']).any(|part| part == "..")
}

/// Whether objects of the group can hold signing keys.
fn holds_keys(group: &str) -> bool {
    group == KEY_GROUP || group.strip_suffix(KEY_GROUP).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether `text` may name a metric, or without colons a metric's label or a variable.
fn is_metric(text: &str, colons: bool) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || colons && b == b':')
}

/// Whether `text` may name any object, so that it is one segment of a request's path.
fn is_object_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b))
}

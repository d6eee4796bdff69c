//! Owns the rules of a profile that its types cannot express. Above all: no profile can make the program request key
//! material.

mod findings;
mod queries;

use super::{
    label_selector::{self, is_label_key},
    model::{GroupRule, Identity, ObjectRule, Scope, Scrape, Select, Spec},
    name::{is_dns_label, is_metric, is_metric_label, is_object_name, is_path, is_subdomain},
    pattern,
    problem::Problems,
};
use crate::yaml::Step;
use std::collections::HashSet;

/// The group whose objects can contain wrapped signing keys.
const KEY_GROUP: &str = "data.spirl.com";

/// The requirement that excludes Helm's releases, which contain a chart's values and with them its keys, from
/// ConfigMaps.
const NOT_HELM: &str = "owner!=helm";

/// The beginning of the name of a ConfigMap in which Helm keeps a release.
const HELM_RELEASE: &str = "sh.helm.release.";

/// What a list's item has to be, for labels of objects and for annotations.
const LABEL_KEY: &str = "a label key; write `NAME` or `PREFIX/NAME`, for example `topology.kubernetes.io/region`";
const ANNOTATION_KEY: &str = "an annotation key; write `NAME` or `PREFIX/NAME`, for example `prometheus.io/port`";

/// Adds every rule that a profile breaks.
pub(super) fn spec(problems: &mut Problems, spec: &Spec, known: &[&str]) {
    problems.require_name(&[Step::Key("name")], &spec.name, "profile", true);
    problems.require(spec.version > 0, &[Step::Key("version")], || "write a version of 1 or higher".to_owned());
    select(problems, &spec.select);
    identity(problems, &spec.identity);
    objects(problems, &spec.objects);
    custom_resources(problems, &spec.custom_resources);
    collectors(problems, &spec.collectors, known);
    scrapes(problems, &spec.scrapes);
    queries::rules(problems, spec);
    findings::rules(problems, spec);
}

fn select(problems: &mut Problems, select: &Select) {
    const HERE: Step = Step::Key("select");
    problems.require(!(select.labels.is_empty() && select.workloads.is_empty()), &[HERE], || {
        "this selects no pods; set `labels`, `workloads` or both".to_owned()
    });
    for (item, text) in select.labels.iter().enumerate() {
        let path = [HERE, Step::Key("labels"), Step::Item(item)];
        match label_selector::check(text) {
            Ok(selector) => problems.require(selector.is_positive, &path, || {
                format!("`{text}` only excludes pods, so it selects all others; add a label that the pods have")
            }),
            Err(message) => problems.add(&path, message),
        }
    }
    if let Some(text) = &select.namespace_pattern {
        let path = [HERE, Step::Key("namespacePattern")];
        match pattern::whole(text) {
            Ok(regex) => {
                for namespace in ["default", "kube-system"] {
                    problems.require(!regex.is_match(namespace), &path, || {
                        format!(
                            "`{text}` matches the namespace {namespace}; write a pattern that matches only the workload's own namespaces"
                        )
                    });
                }
            }
            Err(message) => problems.add(&path, message),
        }
    }
    let what = "a namespace; use lower-case letters, digits and `-`";
    problems.require_each(&[HERE, Step::Key("namespaces")], &select.namespaces, is_dns_label, what);
    problems.require(select.limit != Some(0), &[HERE, Step::Key("limit")], || {
        "a limit of 0 selects no pods; write 1 or more, or remove `limit` to select all".to_owned()
    });
}

fn identity(problems: &mut Problems, identity: &Identity) {
    const HERE: Step = Step::Key("identity");
    if let Some(metric) = &identity.info_metric {
        problems.require(is_metric(metric), &[HERE, Step::Key("infoMetric")], || {
            format!("`{metric}` is not a metric name; use letters, digits, `_` and `:`")
        });
    }
    let labels = &identity.metric_labels;
    for (key, label) in
        [("trustDomain", &labels.trust_domain), ("deployment", &labels.deployment), ("version", &labels.version)]
    {
        let Some(label) = label else { continue };
        problems.require(is_metric_label(label), &[HERE, Step::Key("metricLabels"), Step::Key(key)], || {
            format!("`{label}` is not a metric label; use letters, digits and `_`")
        });
    }
    for (key, fields) in
        [("trustDomain", &identity.log_fields.trust_domain), ("deployment", &identity.log_fields.deployment)]
    {
        let is_field = |field: &str| {
            !field.is_empty() && field.split('.').all(|part| !part.is_empty() && !part.contains(char::is_whitespace))
        };
        let what =
            "a log field; write the names of the field and of those around it, for example `tenant.trust_domain`";
        problems.require_each(&[HERE, Step::Key("logFields"), Step::Key(key)], fields, is_field, what);
    }
    problems.require_each(&[HERE, Step::Key("regionLabels")], &identity.region_labels, is_label_key, LABEL_KEY);
    let path = [HERE, Step::Key("regionHints"), Step::Key("env")];
    let what = "an environment variable; use letters, digits and `_`";
    problems.require_each(&path, &identity.region_hints.env, is_metric_label, what);
}

fn objects(problems: &mut Problems, rules: &[ObjectRule]) {
    problems.require(!rules.is_empty(), &[Step::Key("objects")], || "list at least `resource: pods`".to_owned());
    let mut seen = HashSet::new();
    for (item, rule) in rules.iter().enumerate() {
        let here = [Step::Key("objects"), Step::Item(item)];
        let at = |key| [here[0], here[1], Step::Key(key)];
        let resource = &rule.resource;
        problems.require(seen.insert(resource), &at("resource"), || {
            format!("`{resource}` is listed twice; merge the two rules")
        });
        problems.require(rule.metadata_only || !holds_keys(resource.group()), &at("resource"), || {
            format!("objects in {} can contain wrapped signing keys; add `metadataOnly: true`", resource.group())
        });
        let narrowed = [rule.labels.is_some(), !rule.names.is_empty(), rule.scope == Scope::Used];
        problems.require(narrowed.into_iter().filter(|given| *given).count() < 2, &here, || {
            "`labels`, `names` and `scope: used` exclude each other; keep one of them".to_owned()
        });
        problems.require(
            !resource.is("nodes", "") || rule.scope == Scope::Used || !rule.names.is_empty(),
            &at("resource"),
            || "`nodes` selects every node of the cluster; add `scope: used`".to_owned(),
        );
        if let Some(text) = &rule.labels {
            problems.require_ok(label_selector::check(text), &at("labels"));
        }
        let what = "an object name; use letters, digits, `-`, `.`, `_` and `:`";
        problems.require_each(&at("names"), &rule.names, is_object_name, what);
        if resource.is("configmaps", "") && !rule.metadata_only {
            config_maps(problems, rule, &here);
        }
    }
}

/// Requires that ConfigMaps are listed without Helm's releases.
fn config_maps(problems: &mut Problems, rule: &ObjectRule, here: &[Step; 2]) {
    let excludes_helm = |labels: &str| {
        label_selector::requirements(labels).iter().any(|requirement| requirement.replace(' ', "") == NOT_HELM)
    };
    problems.require(!rule.names.is_empty() || rule.labels.as_deref().is_some_and(excludes_helm), here, || {
        format!("ConfigMaps can contain the values and keys of Helm releases; add `labels: {NOT_HELM}`")
    });
    problems.require(!rule.names.iter().any(|name| name.starts_with(HELM_RELEASE)), here, || {
        "a Helm release contains a chart's values and keys and is never collected; remove it from `names`".to_owned()
    });
}

fn custom_resources(problems: &mut Problems, rules: &[GroupRule]) {
    let mut seen = HashSet::new();
    for (item, rule) in rules.iter().enumerate() {
        let path = [Step::Key("customResources"), Step::Item(item), Step::Key("group")];
        let group = rule.group.as_str();
        if group.contains('*') {
            problems.add(
                &path,
                format!("`{group}` matches every group, including {KEY_GROUP}; list each group by its name"),
            );
            continue;
        }
        // Each of Kubernetes' own resources is listed in `objects`. The core group, which has Secrets, has no dot.
        problems.require(is_subdomain(group) && group.contains('.'), &path, || {
            format!("`{group}` is not a group of custom resources; write its full name, for example `{KEY_GROUP}`")
        });
        problems.require(rule.metadata_only || !holds_keys(group), &path, || {
            format!("objects in {group} can contain wrapped signing keys; add `metadataOnly: true`")
        });
        problems.require(!group.contains("secret"), &path, || {
            format!("`{group}` contains secrets, which are never collected; remove it")
        });
        problems.require(seen.insert(group), &path, || format!("`{group}` is listed twice; merge the two rules"));
    }
}

fn collectors(problems: &mut Problems, names: &[String], known: &[&str]) {
    let mut seen = HashSet::new();
    for (item, name) in names.iter().enumerate() {
        let path = [Step::Key("collectors"), Step::Item(item)];
        problems.require(known.contains(&name.as_str()), &path, || {
            let known = if known.is_empty() { "none" } else { &known.join(", ") };
            format!("there is no collector `{name}`; a profile can name {known}")
        });
        problems.require(seen.insert(name), &path, || format!("`{name}` is listed twice"));
    }
}

fn scrapes(problems: &mut Problems, scrapes: &[Scrape]) {
    let mut seen = HashSet::new();
    for (item, scrape) in scrapes.iter().enumerate() {
        let at = |key| [Step::Key("scrapes"), Step::Item(item), Step::Key(key)];
        let Scrape { name, path, .. } = scrape;
        problems.require_name(&at("name"), name, "scrape", seen.insert(name));
        problems.require(scrape.port > 0, &at("port"), || "write a port from 1 to 65535".to_owned());
        problems
            .require(is_path(path), &at("path"), || format!("`{path}` is not a path; write one such as `/metrics`"));
        problems.require_each(&at("portAnnotations"), &scrape.port_annotations, is_label_key, ANNOTATION_KEY);
        problems.require_each(&at("pathAnnotations"), &scrape.path_annotations, is_label_key, ANNOTATION_KEY);
        let is_port = |name: &str| is_dns_label(name) && name.len() <= 15;
        let what = "a port name; use at most 15 lower-case letters, digits and `-`";
        problems.require_each(&at("portNames"), &scrape.port_names, is_port, what);
        if let Some(container) = &scrape.container {
            problems.require(is_dns_label(container), &at("container"), || {
                format!("`{container}` is not a container name; use lower-case letters, digits and `-`")
            });
        }
    }
}

/// Whether objects of the group can contain signing keys.
fn holds_keys(group: &str) -> bool {
    group == KEY_GROUP || group.strip_suffix(KEY_GROUP).is_some_and(|rest| rest.ends_with('.'))
}

//! What has to hold of a profile's findings and baseline: names that exist, expressions that can be read, commands
//! into which nothing can be smuggled.

use super::{Findings, is_dns_label, one_line};
use crate::{
    profile::{
        bound::Bound,
        model::{QueryRule, Spec},
        rules::{ConditionMatch, FindingRule, LogMatch, Match, Matcher, PodMatch, QueryMatch, ResourcesMatch},
    },
    promql,
    yaml::Step,
};
use regex_automata::meta::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// What a command may name.
pub(crate) const VARIABLES: [&str; 6] = ["CONTEXT", "NAMESPACE", "POD", "CONTAINER", "BUNDLE", "QUERY"];

pub(super) fn rules(found: &mut Findings, spec: &Spec) {
    let known: BTreeSet<&str> = spec.findings.iter().map(|rule| rule.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    for (item, rule) in spec.findings.iter().enumerate() {
        let here = Here { spec, path: vec![Step::Key("findings"), Step::Item(item)] };
        here.name(found, &rule.id, seen.insert(&rule.id));
        here.lines(found, [("scenario", &rule.scenario), ("title", &rule.title), ("means", &rule.means)]);
        for (at, id) in rule.explains.iter().enumerate() {
            found.unless(known.contains(id.as_str()), &here.at(&[Step::Key("explains"), Step::Item(at)]), || {
                format!("no finding is called `{id}`")
            });
        }
        found.unless(!reaches(&spec.findings, rule, &rule.id), &here.at(&[Step::Key("explains")]), || {
            format!("`{}` would in the end explain itself", rule.id)
        });
        for (at, step) in rule.next.iter().enumerate() {
            let next = here.under(&[Step::Key("next"), Step::Item(at)]);
            next.lines(found, [("text", &step.text)]);
            if let Some(command) = &step.command {
                next.lines(found, [("command", command)]);
                let fault = command_fault(command);
                found.unless(fault.is_none(), &next.at(&[Step::Key("command")]), || fault.unwrap_or_default());
            }
        }
        found.unless(!(rule.all.is_empty() && rule.any.is_empty()), &here.path, || {
            "nothing tells it; give `all`, `any` or both".to_owned()
        });
        for (key, matchers) in [("all", &rule.all), ("any", &rule.any), ("unless", &rule.unless)] {
            for (at, matcher) in matchers.iter().enumerate() {
                here.under(&[Step::Key(key), Step::Item(at)]).matcher(found, matcher);
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (item, line) in spec.baseline.iter().enumerate() {
        let here = Here { spec, path: vec![Step::Key("baseline"), Step::Item(item)] };
        here.name(found, &line.id, seen.insert(&line.id));
        here.lines(found, [("signal", &line.signal), ("expected", &line.expected)]);
        found.unless(line.query.is_some() || line.wrong.is_some(), &here.path, || {
            "nothing tells it; give `query`, `wrong` or both".to_owned()
        });
        if let Some(id) = &line.query {
            here.query(found, "query", id);
        }
        if let Some(matcher) = &line.wrong {
            here.under(&[Step::Key("wrong")]).matcher(found, matcher);
        }
    }
    for (item, id) in spec.minting.iter().enumerate() {
        let here = Here { spec, path: vec![Step::Key("minting"), Step::Item(item)] };
        here.query(found, "", id);
    }
}

/// Whether `from` explains `id` by whichever way.
fn reaches(rules: &[FindingRule], from: &FindingRule, id: &str) -> bool {
    let mut known = BTreeSet::new();
    let mut left: Vec<&str> = from.explains.iter().map(String::as_str).collect();
    while let Some(next) = left.pop() {
        if next == id {
            return true;
        }
        if known.insert(next) {
            let rule = rules.iter().find(|rule| rule.id == next);
            left.extend(rule.into_iter().flat_map(|rule| &rule.explains).map(String::as_str));
        }
    }
    false
}

/// Why a command cannot be filled in safely.
fn command_fault(command: &str) -> Option<String> {
    let mut quote = None;
    let mut rest = command;
    while let Some(char) = rest.chars().next() {
        rest = rest.get(char.len_utf8()..).unwrap_or_default();
        match (char, quote) {
            ('$', _) => {
                let end = rest.find(|char: char| !char.is_ascii_uppercase() && char != '_').unwrap_or(rest.len());
                let name = rest.get(..end).unwrap_or_default();
                if !VARIABLES.contains(&name) {
                    return Some(format!("`${name}` is not filled in; there are ${}", VARIABLES.join(", $")));
                }
                if quote.is_some() {
                    return Some(format!("`${name}` comes with quotes of its own; leave those around it out"));
                }
            }
            ('\\' | '`', _) => return Some(format!("a command with a `{char}` cannot be filled in")),
            ('\'' | '"', None) => quote = Some(char),
            (char, Some(open)) if char == open => quote = None,
            _ => {}
        }
    }
    quote.map(|_| "a quote is not closed".to_owned())
}

/// A place in the profile.
struct Here<'a> {
    spec: &'a Spec,
    path: Vec<Step>,
}

impl Here<'_> {
    fn at(&self, steps: &[Step]) -> Vec<Step> {
        [&self.path, steps].concat()
    }

    fn under(&self, steps: &[Step]) -> Self {
        Self { spec: self.spec, path: self.at(steps) }
    }

    fn name(&self, found: &mut Findings, id: &str, is_new: bool) {
        let path = self.at(&[Step::Key("id")]);
        found.unless(is_dns_label(id), &path, || format!("`{id}` is no name; use lower-case letters, digits and `-`"));
        found.unless(is_new, &path, || format!("two are called `{id}`"));
    }

    fn lines<'a>(&self, found: &mut Findings, texts: impl IntoIterator<Item = (&'static str, &'a String)>) {
        for (key, text) in texts {
            let is_line = !text.trim().is_empty() && !text.contains(char::is_control);
            found.unless(is_line, &self.at(&[Step::Key(key)]), || "write a line of text".to_owned());
        }
    }

    fn query(&self, found: &mut Findings, key: &'static str, id: &str) {
        let path = if key.is_empty() { self.path.clone() } else { self.at(&[Step::Key(key)]) };
        let is_known = self.spec.queries.iter().any(|QueryRule { id: known, .. }| known == id);
        found.unless(is_known, &path, || format!("no query is called `{id}`"));
    }

    fn words(&self, found: &mut Findings, key: &'static str, words: &[String]) {
        found.each(&self.at(&[Step::Key(key)]), words, |word| !word.trim().is_empty(), "word");
    }

    fn pattern(&self, found: &mut Findings, key: &'static str, pattern: &str) {
        let fault = Regex::new(pattern).err().map(|error| {
            let cause = error.syntax_error().map_or_else(|| error.to_string(), one_line);
            format!("`{pattern}` is no regular expression: {cause}")
        });
        found.unless(fault.is_none(), &self.at(&[Step::Key(key)]), || fault.unwrap_or_default());
    }

    fn patterns(&self, found: &mut Findings, key: &'static str, patterns: &BTreeMap<String, String>) {
        patterns.values().for_each(|pattern| self.pattern(found, key, pattern));
    }

    fn duration(&self, found: &mut Findings, key: &'static str, text: Option<&String>) {
        let Some(text) = text else { return };
        found.unless(promql::duration(text).is_some(), &self.at(&[Step::Key(key)]), || {
            format!("`{text}` is no duration; write one such as `6m`")
        });
    }

    fn bound(&self, found: &mut Findings, key: &'static str, text: Option<&String>) {
        let Some(text) = text else { return };
        found.unless(text.parse::<Bound>().is_ok(), &self.at(&[Step::Key(key)]), || {
            format!("`{text}` is no comparison with a number; write one such as `> 0.99`")
        });
    }

    fn condition(&self, found: &mut Findings, condition: Option<&ConditionMatch>) {
        let Some(ConditionMatch { kind, status, reasons }) = condition else { return };
        let here = self.under(&[Step::Key("condition")]);
        here.lines(found, [("type", kind)]);
        found.unless(["True", "False", "Unknown"].contains(&status.as_str()), &here.at(&[Step::Key("status")]), || {
            format!("`{status}` is no status; write True, False or Unknown, in quotes")
        });
        here.words(found, "reasons", reasons);
    }

    fn matcher(&self, found: &mut Findings, matcher: &Matcher) {
        let Some(one) = matcher.one() else {
            found.unless(false, &self.path, || "give exactly one thing to look at, such as `log` or `pod`".to_owned());
            return;
        };
        match one {
            Match::Log(log) => self.under(&[Step::Key("log")]).log(found, log),
            Match::Lines(lines) => self.counts(found, "lines", lines.at_least),
            Match::Ready(ready) => {
                let here = self.under(&[Step::Key("ready")]);
                here.duration(found, "longerThan", Some(&ready.longer_than));
                here.words(found, "down", &ready.down);
            }
            Match::Query(query) => self.under(&[Step::Key("query")]).answer(found, query),
            Match::Pod(pod) => self.under(&[Step::Key("pod")]).pod(found, pod),
            Match::Resources(resources) => self.under(&[Step::Key("resources")]).resources(found, resources),
            Match::Usage(usage) => {
                let here = self.under(&[Step::Key("usage")]);
                here.bound(found, "ofLimit", Some(&usage.of_limit));
                here.resource(found, "resource", &usage.resource);
            }
            Match::Env(env) => self.under(&[Step::Key("env")]).pattern(found, "value", &env.value),
            Match::Versions(versions) => self.is_true(found, "versions", versions.differ),
            Match::Event(event) => {
                self.counts(found, "event", event.at_least);
                let here = self.under(&[Step::Key("event")]);
                found.unless(!event.reasons.is_empty(), &here.path, || "give `reasons`".to_owned());
                here.words(found, "reasons", &event.reasons);
                event.note.iter().for_each(|note| here.pattern(found, "note", note));
            }
            Match::Autoscaler(autoscaler) => {
                let here = self.under(&[Step::Key("autoscaler")]);
                here.condition(found, autoscaler.condition.as_ref());
                self.is_true(found, "autoscaler", autoscaler.at_maximum || autoscaler.condition.is_some());
            }
            Match::Workload(workload) => {
                let here = self.under(&[Step::Key("workload")]);
                here.duration(found, "youngerThan", workload.younger_than.as_ref());
                here.condition(found, workload.condition.as_ref());
                let has_any = workload.unavailable || workload.younger_than.is_some() || workload.condition.is_some();
                self.is_true(found, "workload", has_any);
            }
            Match::CustomResource(resource) => {
                let group = &resource.missing;
                let is_known = self.spec.custom_resources.iter().any(|rule| rule.group == *group);
                found.unless(is_known, &self.at(&[Step::Key("customResource"), Step::Key("missing")]), || {
                    format!("`{group}` is none of the groups in `customResources`")
                });
            }
            Match::Scrape(scrape) => self.is_true(found, "scrape", scrape.closed),
        }
    }

    fn is_true(&self, found: &mut Findings, key: &'static str, has_any: bool) {
        found.unless(has_any, &self.at(&[Step::Key(key)]), || "it looks at nothing".to_owned());
    }

    fn counts(&self, found: &mut Findings, key: &'static str, at_least: u64) {
        found.unless(at_least > 0, &self.at(&[Step::Key(key), Step::Key("atLeast")]), || {
            "0 is always there; count from 1".to_owned()
        });
    }

    fn log(&self, found: &mut Findings, log: &LogMatch) {
        let path = self.at(&[Step::Key("contains")]);
        found.unless(!log.contains.is_empty(), &path, || "give a word that such a line has".to_owned());
        let is_word = |word: &str| word.len() >= 3 && word.is_ascii() && !word.contains(char::is_control);
        found.each(&path, &log.contains, is_word, "word of three ASCII characters or more");
        self.patterns(found, "fields", &log.fields);
        log.text.iter().for_each(|text| self.pattern(found, "text", text));
        let path = self.at(&[Step::Key("atLeast")]);
        found.unless(log.at_least > 0, &path, || "0 is always there; count from 1".to_owned());
        log.denied_by.iter().for_each(|id| self.query(found, "deniedBy", id));
    }

    fn answer(&self, found: &mut Findings, query: &QueryMatch) {
        self.query(found, "id", &query.id);
        self.bound(found, "value", query.value.as_ref());
        self.patterns(found, "labels", &query.labels);
    }

    fn pod(&self, found: &mut Findings, pod: &PodMatch) {
        for (key, words) in [("waiting", &pod.waiting), ("terminated", &pod.terminated)] {
            self.words(found, key, words);
        }
        self.duration(found, "notReadyFor", pod.not_ready_for.as_ref());
        self.condition(found, pod.condition.as_ref());
        let of_container = [&pod.waiting, &pod.terminated].iter().any(|words| !words.is_empty());
        let has_any = of_container || !pod.exit_codes.is_empty() || pod.restarts.is_some();
        let has_any = has_any || pod.not_ready_for.is_some() || pod.condition.is_some();
        found.unless(has_any, &self.path, || "it looks at nothing".to_owned());
    }

    fn resource(&self, found: &mut Findings, key: &'static str, name: &str) {
        found.unless(["cpu", "memory"].contains(&name), &self.at(&[Step::Key(key)]), || {
            format!("`{name}` is not looked at; `cpu` and `memory` are")
        });
    }

    fn resources(&self, found: &mut Findings, ResourcesMatch { requests, limits }: &ResourcesMatch) {
        for (key, least) in [("requests", requests), ("limits", limits)] {
            for (name, text) in least {
                self.resource(found, key, name);
                found.unless(
                    crate::quantity::parse(text).is_some_and(|amount| amount > 0.0),
                    &self.at(&[Step::Key(key)]),
                    || format!("`{text}` is no quantity; write one such as `250m` or `256Mi`"),
                );
            }
        }
        found.unless(!(requests.is_empty() && limits.is_empty()), &self.path, || "it looks at nothing".to_owned());
    }
}

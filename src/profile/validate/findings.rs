//! Owns the rules of a profile's findings and baseline: names exist, expressions compile, and no text of the evidence
//! can be smuggled into a command.

use crate::{
    profile::{
        model::{QueryRule, Spec},
        problem::Problems,
        rules::{
            COMMAND_VARIABLES, ConditionMatch, FindingRule, LogMatch, Match, Matcher, PodMatch, QueryMatch,
            ResourcesMatch,
        },
    },
    quantity,
    yaml::Step,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is said of a matcher that no evidence can fail to meet.
const NO_CONDITION: &str = "this has no condition; add a key that says what to look for";

/// Adds every rule that the findings, the baseline and `minting` break.
pub(super) fn rules(problems: &mut Problems, spec: &Spec) {
    let known: BTreeSet<&str> = spec.findings.iter().map(|rule| rule.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    for (item, rule) in spec.findings.iter().enumerate() {
        let here = Here { spec, path: vec![Step::Key("findings"), Step::Item(item)] };
        problems.require_name(&here.key("id"), &rule.id, "finding", seen.insert(&rule.id));
        here.lines(problems, [("scenario", &rule.scenario), ("title", &rule.title), ("means", &rule.means)]);
        for (at, id) in rule.explains.iter().enumerate() {
            problems.require(known.contains(id.as_str()), &here.at(&[Step::Key("explains"), Step::Item(at)]), || {
                format!("there is no finding named `{id}`")
            });
        }
        problems.require(!reaches(&spec.findings, rule, &rule.id), &here.key("explains"), || {
            format!("`{}` explains itself through the findings listed here; remove one of them", rule.id)
        });
        for (at, step) in rule.next.iter().enumerate() {
            let next = here.under(&[Step::Key("next"), Step::Item(at)]);
            next.lines(problems, [("text", &step.text)]);
            if let Some(command) = &step.command {
                next.lines(problems, [("command", command)]);
                problems.require_ok(check_command(command), &next.key("command"));
                problems.require(!command.contains("$QUERY") || rule.queries().next().is_some(), &next.key("command"), || {
                    "the rule has no `query` that `$QUERY` could be; add one to `any` or `all`, or write the PromQL here"
                        .to_owned()
                });
            }
        }
        problems.require(!(rule.all.is_empty() && rule.any.is_empty()), &here.path, || {
            "this finding has no condition; set `all`, `any` or both".to_owned()
        });
        for (key, matchers) in [("all", &rule.all), ("any", &rule.any), ("unless", &rule.unless)] {
            for (at, matcher) in matchers.iter().enumerate() {
                here.under(&[Step::Key(key), Step::Item(at)]).matcher(problems, matcher);
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (item, line) in spec.baseline.iter().enumerate() {
        let here = Here { spec, path: vec![Step::Key("baseline"), Step::Item(item)] };
        problems.require_name(&here.key("id"), &line.id, "baseline", seen.insert(&line.id));
        here.lines(problems, [("signal", &line.signal), ("expected", &line.expected)]);
        problems.require(line.query.is_some() || line.wrong.is_some(), &here.path, || {
            "nothing checks this line; set `query`, `wrong` or both".to_owned()
        });
        if let Some(id) = &line.query {
            here.query(problems, &here.key("query"), id);
        }
        if let Some(matcher) = &line.wrong {
            here.under(&[Step::Key("wrong")]).matcher(problems, matcher);
        }
    }
    for (item, id) in spec.minting.iter().enumerate() {
        let here = Here { spec, path: vec![Step::Key("minting"), Step::Item(item)] };
        here.query(problems, &here.path, id);
    }
}

/// Whether `from` explains `id`, directly or through other findings.
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

/// Checks that the variables of a command can be replaced by quoted values.
fn check_command(command: &str) -> Result<(), String> {
    let mut quote = None;
    let mut rest = command;
    while let Some(char) = rest.chars().next() {
        rest = rest.get(char.len_utf8()..).unwrap_or_default();
        match (char, quote) {
            ('$', _) => {
                let end = rest.find(|char: char| !char.is_ascii_uppercase() && char != '_').unwrap_or(rest.len());
                let name = rest.get(..end).unwrap_or_default();
                if !COMMAND_VARIABLES.contains(&name) {
                    let known = COMMAND_VARIABLES.join("`, `$");
                    return Err(format!("`${name}` is not a variable of commands; use one of `${known}`"));
                }
                if quote.is_some() {
                    return Err(format!("remove the quotes around `${name}`; its value is quoted for you"));
                }
            }
            ('\\' | '`', _) => return Err(format!("a command cannot contain `{char}`; remove it")),
            ('\'' | '"', None) => quote = Some(char),
            (char, Some(open)) if char == open => quote = None,
            _ => {}
        }
    }
    if quote.is_some() { Err("the command ends inside quotes; close them".to_owned()) } else { Ok(()) }
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

    fn key(&self, key: &'static str) -> Vec<Step> {
        self.at(&[Step::Key(key)])
    }

    fn under(&self, steps: &[Step]) -> Self {
        Self { spec: self.spec, path: self.at(steps) }
    }

    fn lines<'a>(&self, problems: &mut Problems, texts: impl IntoIterator<Item = (&'static str, &'a String)>) {
        for (key, text) in texts {
            problems.require_line(&self.key(key), text);
        }
    }

    fn query(&self, problems: &mut Problems, path: &[Step], id: &str) {
        let is_known = self.spec.queries.iter().any(|QueryRule { id: known, .. }| known == id);
        problems.require(is_known, path, || format!("there is no query named `{id}`"));
    }

    fn words(&self, problems: &mut Problems, key: &'static str, words: &[String]) {
        problems.require_each(&self.key(key), words, |word| !word.trim().is_empty(), "a word; write one");
    }

    fn pattern(&self, problems: &mut Problems, key: &'static str, pattern: &str) {
        problems.require_pattern(&self.key(key), pattern);
    }

    fn patterns(&self, problems: &mut Problems, key: &'static str, patterns: &BTreeMap<String, String>) {
        patterns.values().for_each(|pattern| self.pattern(problems, key, pattern));
    }

    fn condition(&self, problems: &mut Problems, condition: Option<&ConditionMatch>) {
        let Some(ConditionMatch { kind, status, reasons }) = condition else { return };
        let here = self.under(&[Step::Key("condition")]);
        here.lines(problems, [("type", kind)]);
        problems.require(["True", "False", "Unknown"].contains(&status.as_str()), &here.key("status"), || {
            format!("`{status}` is not a status; write \"True\", \"False\" or \"Unknown\", with the quotes")
        });
        here.words(problems, "reasons", reasons);
    }

    fn matcher(&self, problems: &mut Problems, matcher: &Matcher) {
        let Some(one) = matcher.one() else {
            problems.add(&self.path, "a matcher has exactly one key, for example `log` or `pod`; write one for each");
            return;
        };
        match one {
            Match::Log(log) => self.under(&[Step::Key("log")]).log(problems, log),
            Match::Lines(lines) => self.counts(problems, "lines", lines.at_least),
            Match::Ready(ready) => {
                let here = self.under(&[Step::Key("ready")]);
                problems.require_duration(&here.key("longerThan"), Some(&ready.longer_than));
                here.words(problems, "down", &ready.down);
            }
            Match::Query(query) => self.under(&[Step::Key("query")]).answer(problems, query),
            Match::Pod(pod) => self.under(&[Step::Key("pod")]).pod(problems, pod),
            Match::Resources(resources) => self.under(&[Step::Key("resources")]).resources(problems, resources),
            Match::Usage(usage) => {
                let here = self.under(&[Step::Key("usage")]);
                problems.require_threshold(&here.key("ofLimit"), Some(&usage.of_limit));
                here.resource(problems, "resource", &usage.resource);
            }
            Match::Env(env) => self.under(&[Step::Key("env")]).pattern(problems, "value", &env.value),
            Match::Versions(versions) => self.has_condition(problems, "versions", versions.differ),
            Match::Event(event) => {
                self.counts(problems, "event", event.at_least);
                let here = self.under(&[Step::Key("event")]);
                problems.require(!event.reasons.is_empty(), &here.path, || "list at least one of `reasons`".to_owned());
                here.words(problems, "reasons", &event.reasons);
                event.note.iter().for_each(|note| here.pattern(problems, "note", note));
            }
            Match::Autoscaler(autoscaler) => {
                let here = self.under(&[Step::Key("autoscaler")]);
                here.condition(problems, autoscaler.condition.as_ref());
                self.has_condition(problems, "autoscaler", autoscaler.at_maximum || autoscaler.condition.is_some());
            }
            Match::Workload(workload) => {
                let here = self.under(&[Step::Key("workload")]);
                problems.require_duration(&here.key("youngerThan"), workload.younger_than.as_ref());
                here.condition(problems, workload.condition.as_ref());
                let has_any = workload.unavailable || workload.younger_than.is_some() || workload.condition.is_some();
                self.has_condition(problems, "workload", has_any);
            }
            Match::CustomResource(resource) => {
                let group = &resource.missing;
                let is_known = self.spec.custom_resources.iter().any(|rule| rule.group == *group);
                problems.require(is_known, &self.at(&[Step::Key("customResource"), Step::Key("missing")]), || {
                    format!("`{group}` is not collected; add it to `customResources`")
                });
            }
            Match::Scrape(scrape) => self.has_condition(problems, "scrape", scrape.closed),
        }
    }

    fn has_condition(&self, problems: &mut Problems, key: &'static str, has_any: bool) {
        problems.require(has_any, &self.key(key), || NO_CONDITION.to_owned());
    }

    fn counts(&self, problems: &mut Problems, key: &'static str, at_least: u64) {
        problems.require(at_least > 0, &self.at(&[Step::Key(key), Step::Key("atLeast")]), || {
            "0 always matches; write 1 or more".to_owned()
        });
    }

    fn log(&self, problems: &mut Problems, log: &LogMatch) {
        let path = self.key("contains");
        problems.require(!log.contains.is_empty(), &path, || "list at least one word of such a line".to_owned());
        let is_word = |word: &str| word.len() >= 3 && word.is_ascii() && !word.contains(char::is_control);
        problems.require_each(&path, &log.contains, is_word, "a word of three or more ASCII characters");
        self.patterns(problems, "fields", &log.fields);
        log.text.iter().for_each(|text| self.pattern(problems, "text", text));
        problems.require(log.at_least > 0, &self.key("atLeast"), || "0 always matches; write 1 or more".to_owned());
        log.denied_by.iter().for_each(|id| self.query(problems, &self.key("deniedBy"), id));
    }

    fn answer(&self, problems: &mut Problems, query: &QueryMatch) {
        self.query(problems, &self.key("id"), &query.id);
        problems.require_threshold(&self.key("value"), query.value.as_ref());
        self.patterns(problems, "labels", &query.labels);
    }

    fn pod(&self, problems: &mut Problems, pod: &PodMatch) {
        for (key, words) in [("waiting", &pod.waiting), ("terminated", &pod.terminated)] {
            self.words(problems, key, words);
        }
        problems.require_duration(&self.key("notReadyFor"), pod.not_ready_for.as_ref());
        self.condition(problems, pod.condition.as_ref());
        let of_container = [&pod.waiting, &pod.terminated].iter().any(|words| !words.is_empty());
        let has_any = of_container || !pod.exit_codes.is_empty() || pod.restarts.is_some();
        let has_any = has_any || pod.not_ready_for.is_some() || pod.condition.is_some();
        problems.require(has_any, &self.path, || NO_CONDITION.to_owned());
    }

    fn resource(&self, problems: &mut Problems, key: &'static str, name: &str) {
        problems.require(["cpu", "memory"].contains(&name), &self.key(key), || {
            format!("`{name}` is not checked; write `cpu` or `memory`")
        });
    }

    fn resources(&self, problems: &mut Problems, ResourcesMatch { requests, limits }: &ResourcesMatch) {
        for (key, least) in [("requests", requests), ("limits", limits)] {
            for (name, text) in least {
                self.resource(problems, key, name);
                let is_amount = quantity::parse(text).is_some_and(|amount| amount > 0.0);
                problems.require(is_amount, &self.key(key), || {
                    format!("`{text}` is not a quantity; write one such as `250m` or `256Mi`")
                });
            }
        }
        problems.require(!(requests.is_empty() && limits.is_empty()), &self.path, || NO_CONDITION.to_owned());
    }
}

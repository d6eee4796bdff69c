//! Owns the parts of the documentation that are generated: docs/REFERENCE.md from the command line, the table of rules
//! in docs/SECURITY.md from the redaction rules, and in docs/PROFILES.md the tables of keys from the types of a profile
//! and that of the collectors from their list.

use clap::{Arg, ArgAction, Command};
use kubectl_escalate::collectors::{COLLECTORS, Collector};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

const HEAD: &str = "\
# Reference

Every verb and every flag, as `--help` prints them. This page is generated from the program's command line, and a test
keeps it up to date; to generate it again: `UPDATE=1 cargo test --test it reference`.

Installed as a kubectl plugin, the program is called `kubectl escalate`; otherwise `kubectl-escalate`.
";

const LISTED: [&str; 2] = ["<!-- collectors: made by tests/it/reference.rs -->\n", "<!-- end of collectors -->"];
const RULES: [&str; 2] = ["<!-- rules: made by tests/it/reference.rs -->\n", "<!-- end of rules -->"];

#[test]
fn the_command_line_is_well_formed() {
    // clap checks this by itself in builds for development only, and there ends the program.
    kubectl_escalate::cli::command().debug_assert();
}

#[test]
fn every_verb_and_flag_is_in_the_reference() {
    let mut page = HEAD.to_owned();
    for verb in kubectl_escalate::cli::command().get_subcommands() {
        page.push_str(&section(verb));
    }
    hold("docs/REFERENCE.md", |_| page);
}

#[test]
fn every_rule_of_redaction_is_in_the_documentation() {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut table = "| token | stands for |\n|---|---|\n".to_owned();
    for rule in kubectl_escalate::redact::rules() {
        table.push_str(&format!("| `<{}:…>` | {} |\n", rule.id, cell(rule.replaces)));
    }
    hold("docs/SECURITY.md", |page| between(page, RULES, &table));
}

/// The page with this text between two marks.
fn between(page: &str, marks: [&str; 2], text: &str) -> String {
    let [begin, end] =
        marks.map(|mark| page.split_once(mark).unwrap_or_else(|| panic!("the page lost its mark {mark}")));
    format!("{}{}{text}{}{}", begin.0, marks[0], marks[1], end.1)
}

/// What stands before and behind the table of a part of the profile: `<!-- keys of NAME: … -->`.
const KEYS: [&str; 3] = ["<!-- keys of ", ": made by tests/it/reference.rs -->\n", "<!-- end of keys -->"];

/// The table of all collectors.
fn collectors() -> String {
    let mut table = "| collector | collects | optional |\n|---|---|---|\n".to_owned();
    for Collector { name, purpose, is_optional, .. } in COLLECTORS {
        let _ = writeln!(table, "| `{name}` | {purpose} | {} |", if *is_optional { "yes" } else { "no" });
    }
    table
}

#[test]
fn every_key_of_a_profile_and_every_collector_is_in_the_documentation() {
    let schema = serde_json::to_value(kubectl_escalate::profile::schema()).expect("a schema");
    // One test writes the page, because tests run at the same time.
    hold("docs/PROFILES.md", |page| {
        let page = between(page, LISTED, &collectors());
        let parts: Vec<&str> = page.split(KEYS[0]).collect();
        let names: Vec<&str> = parts.iter().skip(1).filter_map(|part| part.split(KEYS[1]).next()).collect();
        assert!(names.contains(&"Profile"), "docs/PROFILES.md lost the mark of the profile's own keys");
        let mut made = parts[0].to_owned();
        for (name, part) in names.iter().zip(&parts[1..]) {
            let behind = part.split_once(KEYS[2]).map(|(_, behind)| behind).expect("a mark at the end of each table");
            made.push_str(&[KEYS[0], name, KEYS[1], &keys(&schema, name, &names), KEYS[2], behind].concat());
        }
        made
    });
}

/// The table of the keys of one part of the profile.
fn keys(schema: &Value, part: &str, documented: &[&str]) -> String {
    let part = if part == "Profile" { schema } else { &schema["$defs"][part] };
    let mut table = "| key | meaning |\n|---|---|\n".to_owned();
    for (name, is_mandatory, key) in sorted_keys(part) {
        let star = if is_mandatory { " *" } else { "" };
        let _ = writeln!(table, "| `{name}`{star} | {} |", key_meaning(schema, key, documented).replace('|', "\\|"));
    }
    table
}

/// The keys of a part, those that are mandatory first: the name, whether it is mandatory, the schema.
fn sorted_keys(part: &Value) -> Vec<(&str, bool, &Value)> {
    let is_mandatory = |name: &str| part["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let keys = part["properties"].as_object().into_iter().flatten();
    let mut keys: Vec<_> = keys.map(|(name, key)| (name.as_str(), is_mandatory(name), key)).collect();
    keys.sort_by_key(|(_, is_mandatory, _)| !is_mandatory);
    keys
}

/// The description of a key, its default, the values that it takes, and the keys in it that have no table of their own.
fn key_meaning(schema: &Value, key: &Value, documented: &[&str]) -> String {
    let described = |value: &Value| {
        let text = value["description"].as_str().unwrap_or_else(|| panic!("{value} has no description"));
        text.replace('\n', " ")
    };
    let mut text = described(key);
    if let Some(default) = key.get("default").filter(|default| default.is_string() || default.is_number()) {
        let _ = write!(text, " Default: `{}`.", default.to_string().trim_matches('"'));
    }
    let places = [&key["$ref"], &key["items"]["$ref"], &key["anyOf"][0]["$ref"]];
    let Some(name) = places.into_iter().find_map(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/")) else {
        return text;
    };
    let part = &schema["$defs"][name];
    let values = part["oneOf"].as_array().into_iter().flatten();
    let values: Vec<String> = values
        .map(|value| format!("`{}`: {}", value["const"].as_str().unwrap_or_default(), described(value)))
        .collect();
    if !values.is_empty() {
        let _ = write!(text, " {}", values.join(" "));
    }
    if !documented.contains(&name) {
        for (name, is_mandatory, key) in sorted_keys(part) {
            let star = if is_mandatory { " *" } else { "" };
            let _ = write!(text, "<br>`{name}`{star}: {}", key_meaning(schema, key, documented));
        }
    }
    text
}

/// Fails if a page is not what `make` returns; with UPDATE=1, writes the page instead.
fn hold(name: &str, make: impl FnOnce(&str) -> String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    let page = fs::read_to_string(&path).unwrap_or_default();
    let made = make(&page);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, made).expect("the page can be written");
        return;
    }
    assert!(page == made, "{name} is out of date; generate it again with `UPDATE=1 cargo test --test it reference`");
}

/// A verb: what it does, its usage, and its flags under the headings of `--help`.
fn section(verb: &Command) -> String {
    let shown = || verb.get_arguments().filter(|arg| !arg.is_hide_set());
    let positionals: Vec<&Arg> = shown().filter(|arg| arg.is_positional()).collect();
    let mut text = format!("\n## {}\n\n", verb.get_name());
    if let Some(about) = verb.get_long_about().or(verb.get_about()) {
        let _ = writeln!(text, "{}\n", sentence(&about.to_string()));
    }
    let mut usage = format!("kubectl escalate {}", verb.get_name());
    if shown().any(|arg| !arg.is_positional()) {
        usage.push_str(" [OPTIONS]");
    }
    for arg in &positionals {
        let _ = match arg.is_required_set() {
            true => write!(usage, " <{}>", value(arg)),
            false => write!(usage, " [{}]", value(arg)),
        };
    }
    let _ = writeln!(text, "```\n{usage}\n```");
    let mut groups: Vec<(&str, Vec<&Arg>)> = vec![("", positionals)];
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for arg in shown().filter(|arg| !arg.is_positional()) {
        let heading = arg.get_help_heading().unwrap_or("Options");
        let index = *at.entry(heading).or_insert_with(|| {
            groups.push((heading, Vec::new()));
            groups.len() - 1
        });
        groups[index].1.push(arg);
    }
    for (heading, args) in groups.iter().filter(|(_, args)| !args.is_empty()) {
        let heading = if heading.is_empty() { String::new() } else { format!("### {heading}\n\n") };
        let _ = writeln!(text, "\n{heading}| | |\n|---|---|");
        for arg in args {
            let _ = writeln!(text, "| {} | {} |", names(arg), meaning(arg));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// `-n`, `--namespace NAME`.
fn names(arg: &Arg) -> String {
    if arg.is_positional() {
        return format!("`{}`", value(arg));
    }
    let short = arg.get_short().map(|short| format!("`-{short}`"));
    let long = arg.get_long().map(|long| match takes_value(arg) {
        true => format!("`--{long} {}`", value(arg)),
        false => format!("`--{long}`"),
    });
    short.into_iter().chain(long).collect::<Vec<_>>().join(", ").replace('|', "\\|")
}

/// The help text, the possible values and the default.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    // A default that clap does not know is written in the help as clap would print it.
    let mut text = match help.strip_suffix(']').and_then(|help| help.split_once(" [default: ")) {
        Some((help, default)) => format!("{} Default: {default}.", sentence(help)),
        None => sentence(&help),
    };
    if takes_value(arg) {
        if let Some(delimiter) = arg.get_value_delimiter() {
            let _ = write!(text, " Separate several with `{delimiter}`.");
        }
        let values: Vec<String> =
            arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        if !values.is_empty() {
            let _ = write!(text, " One of {}.", values.join(", "));
        }
        let default: Vec<String> =
            arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        if !default.is_empty() {
            let _ = write!(text, " Default: {}.", default.join(", "));
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn value(arg: &Arg) -> String {
    let named = arg.get_value_names().map(|names| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "));
    named.unwrap_or_else(|| arg.get_id().as_str().to_uppercase())
}

/// Ends a help text, which has no full stop, with one.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
}

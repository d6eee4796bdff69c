//! `report`: the rules of a profile over a bundle that is there, again or by another profile, without any cluster.

use super::{Failure, print};
use crate::{
    bundle::{
        BundleError, BundleReader,
        facts::Facts,
        findings::{BaselineState, Finding, Findings, IssuanceState, Severity, Shown},
        layout,
    },
    exit::Exit,
    findings,
    profile::Profile,
};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Largest facts.json that is read, in bytes.
const LARGEST: u64 = 128 << 20;

/// At most this many pieces of evidence are shown of a finding; `-o json` has more.
const SHOWN: usize = 3;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The profile whose rules are applied: its name, or a file [default: the one that the bundle was made with]
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// What is printed: text for people, or findings.json
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Text for people
    Text,
    /// The same as findings.json
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let reader = BundleReader::open(&arguments.bundle).map_err(failure)?;
    let manifest = reader.manifest();
    let profile = profile(arguments, &manifest.profile)?;
    let path = arguments.bundle.display();
    let found = reader.find(&layout::facts()).ok_or_else(|| {
        Failure::usage(format!(
            "{path} has no facts.json: it was made by a version that took none, or its run was cut short; collect \
             anew, or add to it with collect --into {path}"
        ))
    })?;
    let text = reader.read(found, LARGEST).map_err(failure)?;
    let facts: Facts = serde_json::from_slice(&text).map_err(|why| Failure {
        exit: Exit::Incomplete,
        text: format!("facts.json of {path} cannot be read: {why}"),
    })?;
    let found = findings::of_bundle(&profile, &facts, manifest);
    match arguments.output {
        Output::Text => print(&text_of(&found)),
        Output::Json => {
            print(&String::from_utf8_lossy(&findings::to_json(&found).map_err(Failure::usage)?));
        }
    }
    Ok(Exit::Complete)
}

fn profile(arguments: &Arguments, of_bundle: &str) -> Result<Profile, Failure> {
    match &arguments.profile {
        Some(named) => Profile::load(named).map_err(Failure::usage),
        None => Profile::load(of_bundle).map_err(|_| {
            Failure::usage(format!(
                "the bundle was made with the profile \"{of_bundle}\", which does not come with this program; give \
                 --profile FILE"
            ))
        }),
    }
}

fn failure(error: BundleError) -> Failure {
    match error {
        BundleError::Damaged { .. } => Failure { exit: Exit::Incomplete, text: error.to_string() },
        error => Failure::usage(error),
    }
}

/// The findings in order, a few lines each.
fn text_of(found: &Findings) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        text.push_str(&words.replace(char::is_control, " "));
        text.push('\n');
    };
    let state = match found.issuance.state {
        IssuanceState::Affected => "SVIDs are affected",
        IssuanceState::NotAffected => "SVIDs are not affected",
        IssuanceState::NotChecked => "whether SVIDs are affected is not known",
    };
    line(&format!("issuance  {state}: {}", found.issuance.why));
    line("          workloads keep the SVIDs that they have until these expire");
    if found.lead.is_none() {
        line("findings  nothing is wrong that the profile knows of and the evidence shows");
    }
    for finding in &found.findings {
        let is_lead = found.lead.as_ref() == Some(&finding.id);
        line("");
        line(&head(finding));
        if is_lead {
            line(&format!("          leads: {}", found.lead_why));
        }
        if let Some(cause) = &finding.explained_by {
            line(&format!("          explained by {cause}"));
        }
        finding.shown_by.iter().take(SHOWN).for_each(|shown| line(&format!("          {}", quoted(shown))));
        line(&format!("          {}", finding.means));
        for step in finding.next.iter().filter(|_| finding.explained_by.is_none()) {
            line(&format!("          -> {}", step.text));
            step.command.iter().for_each(|command| line(&format!("             $ {command}")));
        }
    }
    line("");
    for of in &found.baseline {
        let state = match of.state {
            BaselineState::AsExpected => "as expected",
            BaselineState::NotAsExpected => "NOT as expected",
            BaselineState::NotChecked => "not checked",
        };
        let value = of.value.as_ref().map(|value| format!(" ({value})")).unwrap_or_default();
        line(&format!("baseline  {}: {state}{value}; expected {}", of.signal, of.expected));
    }
    if !found.not_checked.is_empty() {
        line("");
    }
    for not in &found.not_checked {
        line(&format!("not checked  {}: {}", not.title, not.why));
    }
    text
}

fn head(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Critical => "CRITICAL",
        Severity::Warning => "WARNING",
        Severity::Info => "info",
    };
    let since = finding.since.map(|since| format!(", since {}", time(since))).unwrap_or_default();
    let pods = match finding.pods.len() {
        0 => String::new(),
        pods => format!(", {pods} of {} pods", finding.of_pods),
    };
    format!("{severity:<9} {} [{}]{since}{pods}", finding.title, finding.id)
}

fn quoted(shown: &Shown) -> String {
    let at = shown.at.map(|at| format!("{} ", time(at))).unwrap_or_default();
    let times = if shown.times > 1 { format!(" ({} times)", shown.times) } else { String::new() };
    let entry = shown.entry.as_ref().map(|entry| format!(" [{entry}]")).unwrap_or_default();
    format!("{at}\"{}\"{times}{entry}", shown.quote)
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

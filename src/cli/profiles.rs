//! Owns `profiles`: the list of profiles, the text of one, and their schema.

use super::{failure::Failure, terminal::Terminal};
use crate::{exit::Exit, profile};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print this built-in profile, as a starting point for your own
    #[arg(value_name = "NAME", conflicts_with = "schema")]
    name: Option<String>,
    /// Print the JSON Schema of profiles, for editors
    #[arg(long)]
    schema: bool,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Failure> {
    if arguments.schema {
        let schema = serde_json::to_string_pretty(&profile::schema()).map_err(Failure::usage)?;
        terminal.print(&format!("{schema}\n"));
    } else if let Some(name) = &arguments.name {
        let text = profile::embedded().iter().find(|(known, _)| known == name).map(|(_, text)| *text);
        let names: Vec<&str> = profile::embedded().iter().map(|(name, _)| *name).collect();
        terminal.print(text.ok_or_else(|| {
            Failure::usage(format!("there is no profile \"{name}\"; the profiles are {}", names.join(", ")))
        })?);
    } else {
        let mut text = String::new();
        for (name, _) in profile::embedded() {
            let profile = profile::Profile::load(name, &crate::collectors::optional()).map_err(Failure::usage)?;
            text.push_str(&format!("{name:<22}{}\n", profile.description));
        }
        terminal.print(&text);
    }
    Ok(Exit::Complete)
}

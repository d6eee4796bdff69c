//! Owns [`Profile`], the only form in which the rest of the program sees a profile: finds its text, reads it and checks
//! it. A profile that breaks a rule is refused with every problem.

use super::{
    model::Spec,
    pattern,
    problem::{Problem, Problems},
    validate,
};
use crate::{text::hex, yaml};
use regex_automata::meta::Regex;
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{self, Read as _},
    ops::Deref,
    path::PathBuf,
};

/// Every file in `profiles/`.
const EMBEDDED: &[(&str, &str)] = &[
    ("trust-domain-server", include_str!("../../profiles/trust-domain-server.yaml")),
    ("agent", include_str!("../../profiles/agent.yaml")),
];

/// The profiles that come with the program: the name and the YAML of each.
pub fn embedded() -> &'static [(&'static str, &'static str)] {
    EMBEDDED
}

/// The largest file that is read as a profile, in bytes.
const LARGEST: u64 = 1 << 20;

/// A profile that breaks no rule. Its keys are read through [`Spec`], and only
/// [`without_limit`](Self::without_limit) changes one.
#[derive(Debug, Clone)]
pub struct Profile {
    spec: Spec,
    namespaces: Option<Regex>,
    sha256: String,
    source: String,
}

impl Profile {
    /// The name of the profile that `collect` uses if none is given.
    pub const DEFAULT: &str = "trust-domain-server";

    /// Loads an embedded profile by its name, or one from a file. A value that contains a `/`, or ends in `.yaml` or
    /// `.yml`, is the path of a file. `collectors` are the names that its key `collectors` may list.
    ///
    /// # Errors
    /// When no embedded profile has the name, or the file cannot be read, or its text is refused.
    pub fn load(name_or_file: &str, collectors: &[&str]) -> Result<Profile, ProfileError> {
        if is_file(name_or_file) {
            let text =
                read(name_or_file).map_err(|cause| ProfileError::Unreadable { path: name_or_file.into(), cause })?;
            return Profile::parse(name_or_file, &text, collectors);
        }
        Profile::built_in(name_or_file, collectors)
    }

    /// Loads an embedded profile by its name, and never a file.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`] when no embedded profile has the name.
    pub fn built_in(name: &str, collectors: &[&str]) -> Result<Profile, ProfileError> {
        match EMBEDDED.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Profile::parse(&format!("profiles/{name}.yaml"), text, collectors),
            None => Err(ProfileError::Unknown { name: name.to_owned() }),
        }
    }

    /// Reads and checks the YAML of a profile. Errors call the text `source_name`.
    ///
    /// # Errors
    /// [`ProfileError::Invalid`] with every problem of the text.
    pub fn parse(source_name: &str, text: &str, collectors: &[&str]) -> Result<Profile, ProfileError> {
        let refused = |problems| ProfileError::Invalid { source_name: source_name.to_owned(), problems };
        let spec: Spec = yaml::from_str(text).map_err(|error| refused(vec![Problem::of_yaml(error)]))?;
        let mut problems = Problems::default();
        validate::spec(&mut problems, &spec, collectors);
        if !problems.is_empty() {
            return Err(refused(problems.located(text)));
        }
        // `validate` refuses an expression that does not compile.
        let namespaces = spec.select.namespace_pattern.as_deref().and_then(|pattern| pattern::whole(pattern).ok());
        Ok(Profile { spec, namespaces, sha256: hex(&Sha256::digest(text.as_bytes())), source: source_name.to_owned() })
    }

    /// The SHA-256 of the profile's text, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether it comes with the program, so that its name is enough to load it.
    pub fn is_built_in(&self) -> bool {
        let sha256 = |text: &str| hex(&Sha256::digest(text.as_bytes()));
        EMBEDDED.iter().any(|(name, text)| *name == self.spec.name && sha256(text) == self.sha256)
    }

    /// Where the text came from, for errors on this machine. It can be a local path, so it never goes into a bundle.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The same, but for any number of pods.
    #[must_use]
    pub fn without_limit(mut self) -> Self {
        self.spec.select.limit = None;
        self
    }

    /// Whether a namespace is the workload's own: it is in `select.namespaces`, or `select.namespacePattern` matches
    /// its whole name.
    pub fn owns_namespace(&self, namespace: &str) -> bool {
        self.spec.select.namespaces.iter().any(|own| own == namespace)
            || self.namespaces.as_ref().is_some_and(|pattern| pattern.is_match(namespace))
    }
}

impl Deref for Profile {
    type Target = Spec;

    fn deref(&self) -> &Spec {
        &self.spec
    }
}

/// Why a profile cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No embedded profile has this name.
    #[error(
        "there is no profile named `{name}`; use {}, or give a file by a path that contains `/` or ends in `.yaml`",
        known()
    )]
    Unknown {
        /// The name that the user gave.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read the profile {}: {cause}", path.display())]
    Unreadable {
        /// The path as it was given.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The text has problems. Printed as one `NAME:LINE:COLUMN: MESSAGE` a line.
    #[error("{}", lines(source_name, problems))]
    Invalid {
        /// What errors call the text: a path, or `profiles/NAME.yaml` for an embedded profile.
        source_name: String,
        /// Every problem, in the text's order.
        problems: Vec<Problem>,
    },
}

/// The JSON Schema of a profile, as published in `profiles/schema.json`.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Spec)
}

/// Reads a file of at most [`LARGEST`] bytes, so that a path given by mistake is not read for minutes.
fn read(path: &str) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "the file is too large for a profile (over 1 MiB); check the path",
        ));
    }
    Ok(text)
}

fn is_file(value: &str) -> bool {
    value.contains('/')
        || value.ends_with(".yaml")
        || value.ends_with(".yml")
        || value.contains(std::path::MAIN_SEPARATOR)
}

fn known() -> String {
    EMBEDDED.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

fn lines(source_name: &str, problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("{source_name}:{}{problem}", if problem.line.is_some() { "" } else { " " }))
        .collect::<Vec<_>>()
        .join("\n")
}

//! Finds a profile's text, reads it and checks it. Owns [`Profile`], the only
//! form in which the rest of the program sees one, and its errors.

use super::{model::Spec, validate};
use crate::yaml;
use regex_automata::meta::Regex;
use sha2::{Digest, Sha256};
use std::{
    fmt, fs,
    io::{self, Read as _},
    ops::Deref,
    path::PathBuf,
};

/// Every file in `profiles/`.
const EMBEDDED: &[(&str, &str)] = &[
    ("trust-domain-server", include_str!("../../profiles/trust-domain-server.yaml")),
    ("agent", include_str!("../../profiles/agent.yaml")),
];

/// The profiles that come with the program: name and text.
pub fn embedded() -> &'static [(&'static str, &'static str)] {
    EMBEDDED
}

/// The largest file that is read as a profile, in bytes.
const LARGEST: u64 = 1 << 20;

/// A profile that holds to every rule. Its keys are read through [`Spec`], and nothing can change them.
#[derive(Debug, Clone)]
pub struct Profile {
    spec: Spec,
    namespaces: Option<Regex>,
    sha256: String,
    source: String,
}

impl Profile {
    /// Loads a profile by the name of an embedded one, or from a file: a value
    /// with a `/`, or ending in `.yaml` or `.yml`, is a file's path.
    pub fn load(name_or_file: &str) -> Result<Profile, ProfileError> {
        if is_file(name_or_file) {
            let text =
                read(name_or_file).map_err(|cause| ProfileError::Unreadable { path: name_or_file.into(), cause })?;
            return Profile::parse(name_or_file, &text);
        }
        Profile::built_in(name_or_file)
    }

    /// Reads one that comes with the program, by its name; no file of this machine, whatever is called so.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`] when there is none of that name.
    pub fn built_in(of: &str) -> Result<Profile, ProfileError> {
        match EMBEDDED.iter().find(|(name, _)| *name == of) {
            Some((name, text)) => Profile::parse(&format!("profiles/{name}.yaml"), text),
            None => Err(ProfileError::Unknown { name: of.to_owned() }),
        }
    }

    /// Reads and checks a profile's text. `source_name` is what errors call it.
    pub fn parse(source_name: &str, text: &str) -> Result<Profile, ProfileError> {
        let refused = |problems| ProfileError::Invalid { source_name: source_name.to_owned(), problems };
        let spec: Spec = yaml::from_str(text).map_err(|error| refused(vec![Problem::of_yaml(error)]))?;
        let problems = validate::problems(&spec);
        if !problems.is_empty() {
            let mut located: Vec<Problem> = problems.into_iter().map(|found| found.located(text)).collect();
            located.sort_by_key(|problem| (problem.line, problem.column));
            return Err(refused(located));
        }
        // Checked by `validate`; here only kept.
        let namespaces =
            spec.select.namespace_pattern.as_deref().and_then(|pattern| validate::whole_name(pattern).ok());
        Ok(Profile { spec, namespaces, sha256: hex(&Sha256::digest(text.as_bytes())), source: source_name.to_owned() })
    }

    /// The SHA-256 of the profile's text, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Where the text came from, for errors on this machine. It can be a path of the user's, so it never goes into a bundle.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether a namespace is the workload's own: named in `select.namespaces`, or matched as a whole by `select.namespacePattern`.
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

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No embedded profile has this name.
    #[error(
        "no profile is called `{name}`; there are {}; a file is given by a path with a `/` or ending in .yaml",
        known()
    )]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read the profile {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The text is refused, for each of these reasons.
    #[error("{}", lines(source_name, problems))]
    Invalid {
        /// What the text is called.
        source_name: String,
        /// Every reason found, in the text's order.
        problems: Vec<Problem>,
    },
}

/// One reason why a profile's text is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The column, from 1, where it is known.
    pub column: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Problem {
    fn of_yaml(error: yaml::Error) -> Problem {
        // serde says `field`; whoever writes YAML says key.
        let message = error
            .message
            .replace("unknown field `", "unknown key `")
            .replace("missing field `", "missing key `")
            .replace("duplicate field `", "duplicate key `");
        Problem { line: error.line, column: error.column, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// The JSON Schema of a profile, as published in `profiles/schema.json`.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Spec)
}

/// Reads a file that is a profile's size, so that a path given by mistake is not read for minutes.
fn read(path: &str) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large for a profile, over 1 MiB"));
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
    EMBEDDED.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

fn lines(source_name: &str, problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("{source_name}:{}{problem}", if problem.line.is_some() { "" } else { " " }))
        .collect::<Vec<_>>()
        .join("\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

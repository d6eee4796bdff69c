//! Owns the rules for language: what people read is plain, idiomatic English.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Phrases that native speakers do not use, or no longer use. What to write instead is behind each.
const BANNED: [(&str, &str); 23] = [
    (" comes of ", "is caused by"),
    (" come of it", "follows from it"),
    ("for want of", "for lack of; OOM-killed"),
    (" was had", "was collected"),
    (" were had", "were collected"),
    ("be had", "be obtained; cannot be pulled"),
    ("is meant by", "stands for"),
    ("what there is by now", "what was collected so far"),
    ("is no lack", "is not missing"),
    ("accuse and never acquit", "can show a problem, but never health"),
    ("no all-clear", "does not show health"),
    (" by our own hand", "written by this program"),
    (" so many bytes", "the size"),
    ("write it anew", "generate it again"),
    (" the sooner", "earlier"),
    (" whatever becomes of", "whatever happens to"),
    (" what became of", "the outcome of"),
    ("told apart", "distinguished"),
    (" was asked for", "was requested"),
    (" were asked for", "were requested"),
    (" is asked for", "is requested"),
    ("as of then", "at that time"),
    ("by their like", "by kind"),
];

/// Where a text uses a banned phrase, however its lines are wrapped.
pub(crate) fn banned(text: &str) -> Vec<String> {
    let text = format!(" {} ", text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    let found = BANNED.iter().filter(|(phrase, _)| text.contains(phrase));
    found.map(|(phrase, instead)| format!("\"{}\", better: {instead}", phrase.trim())).collect()
}

/// The files below a folder whose names end like this.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => left.push(path),
                false if path.to_string_lossy().ends_with(ending) => found.push(path),
                false => {}
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no {ending}");
    found
}

#[test]
fn documentation_profiles_help_and_reports_use_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|name| root.join(name));
    let all = [
        own.to_vec(),
        files("docs", ".md"),
        files("profiles", ".yaml"),
        files("templates", ".html"),
        files("src", ".rs"),
    ];
    let mut problems = Vec::new();
    for path in all.concat() {
        let text = fs::read_to_string(&path).expect("a text");
        // A comment that goes on in the next line is one text.
        let text = text.replace("\n///", "\n").replace("\n//!", "\n").replace("\n#", "\n");
        problems.extend(banned(&text).into_iter().map(|phrase| format!("{}: {phrase}", path.display())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_banned_phrase_is_found_over_lines() {
    assert_eq!(banned("It comes\n   of nothing.").len(), 1);
    assert!(banned("What becomes of it is said.").is_empty());
}

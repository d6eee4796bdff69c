//! Owns how a file is written: its length and layout, its first words, its imports, names, doc comments and literals.

use super::source::{Source, files, src, tests};
use std::collections::BTreeSet;

/// A longer file asks to be split by what its parts do.
const LINES: usize = 500;
/// What has more fields than this asks to be taken apart.
const FIELDS: usize = 14;
/// Types that may have more, with the reason.
const WIDE: &[(&str, &str)] = &[
    ("Manifest", "the file's format is flat where people look first"),
    ("QueryRecord", "the file's format is flat"),
    ("Page", "a template reads its values by their names"),
    ("TaskResult", "all that a task can end with; one constructor fills it in, and callers name what differs"),
];
/// Words that say nothing of their own in a doc comment.
const EMPTY: &str = "a all also an and any are as at be by each for from has have here how if in into is it its itself of \
    on one or our such that the their them there these they this those to up was were what when where whether which who \
    whose with";

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    (lines > LINES).then(|| format!("{} has {lines} lines", source.path)).into_iter().collect()
}

/// A file of the program says what it owns, the crate's own and one of the tests what it is about.
fn without_header(source: &Source) -> Vec<String> {
    let is_room = source.path.starts_with("src/") && source.path != "src/lib.rs";
    let header = if is_room { "//! Owns " } else { "//! " };
    let is_open = source.text.starts_with(header);
    (!is_open).then(|| format!("{} does not begin with `{header}…`", source.path)).into_iter().collect()
}

/// A folder's own code is in its `mod.rs`, and in no file beside it.
fn beside_its_folder(paths: &[String]) -> Vec<String> {
    let folders: BTreeSet<_> = paths.iter().filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
    let is_twice = |path: &&String| path.strip_suffix(".rs").is_some_and(|module| folders.contains(module));
    paths.iter().filter(is_twice).map(|path| format!("{path} belongs into the mod.rs of its folder")).collect()
}

/// One `use` for each root, and all of a module's in one block.
fn split_imports(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for used in &source.uses {
        let root = used.root.clone().unwrap_or_default();
        if !seen.insert((&used.module, used.visibility, root.clone())) {
            faults.push(format!("{}:{} imports from {root} in two statements", source.path, source.line(&root)));
        }
    }
    let lines: Vec<_> = source.text.lines().collect();
    for (at, three) in lines.windows(3).enumerate() {
        let is_between = three[0].trim_end().ends_with(';') && three[1].trim().is_empty();
        let began = lines[..=at].iter().rposition(|line| !line.starts_with([' ', '}'])).unwrap_or(0);
        if is_between && lines[began].starts_with("use ") && three[2].starts_with("use ") {
            faults.push(format!("{}:{} has a blank line between its imports", source.path, at + 2));
        }
    }
    faults
}

/// A question changes nothing.
fn questions_that_change(source: &Source) -> Vec<String> {
    let is_question = |name: &str| name.starts_with("is_") || name.starts_with("has_");
    let changing = source.functions.iter().filter(|function| is_question(&function.name) && function.takes_mut_self);
    changing
        .map(|function| format!("{}:{} {} takes &mut self", source.path, source.line(&function.name), function.name))
        .collect()
}

/// Literals of so many fields that nobody sees which of them are one thing.
fn wide_literals(source: &Source) -> Vec<String> {
    let wide = source.literals.iter().filter(|it| it.fields > FIELDS && !WIDE.iter().any(|(name, _)| *name == it.name));
    wide.map(|it| format!("{}:{} {} has {} fields", source.path, source.line(&it.name), it.name, it.fields)).collect()
}

/// Doc comments that only say the item's name again, in other words.
fn empty_docs(source: &Source) -> Vec<String> {
    let says_nothing = |text: &str, about: &str| {
        // CamelCase has words, too.
        let about: String =
            about.chars().flat_map(|part| [part.is_uppercase().then_some(' '), Some(part)]).flatten().collect();
        let known: BTreeSet<_> = words(&about).into_iter().chain(words(EMPTY)).collect();
        // A name in code, as of a flag or a file, is told where there is one.
        !text.contains('`') && words(text).iter().all(|word| known.contains(word))
    };
    let empty = source.docs.iter().filter(|doc| says_nothing(&doc.text, &doc.about));
    empty.map(|doc| format!("{}:{} says nothing: {:?}", source.path, doc_line(source, &doc.text), doc.text)).collect()
}

/// The line that a doc comment begins at.
fn doc_line(source: &Source, text: &str) -> usize {
    let first = text.lines().next().unwrap_or_default();
    source.text.lines().position(|line| line.trim_start().trim_start_matches(['/', '!']).trim() == first).unwrap_or(0)
        + 1
}

/// The words of a text, in lower case and without an ending that makes a plural or a tense of them.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|part: char| !part.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase);
    words
        .map(|word| {
            ["es", "ed", "s"]
                .iter()
                .find_map(|end| word.strip_suffix(end).filter(|stem| stem.len() > 2))
                .unwrap_or(&word)
                .to_owned()
        })
        .collect()
}

#[track_caller]
fn none(sources: &[Source], rule: fn(&Source) -> Vec<String>) {
    let faults: Vec<_> = sources.iter().flat_map(rule).collect();
    assert!(faults.is_empty(), "{} faults: {faults:#?}", faults.len());
}

#[test]
fn no_file_is_too_long() {
    none(src(), too_long);
    none(tests(), too_long);
}

#[test]
fn a_folder_has_its_code_inside() {
    assert_eq!(beside_its_folder(&[files("src"), files("tests")].concat()), [""; 0]);
}

#[test]
fn imports_are_in_one_block_by_their_root() {
    none(src(), split_imports);
    none(tests(), split_imports);
}

#[test]
fn every_file_says_what_it_owns() {
    none(src(), without_header);
    none(tests(), without_header);
}

#[test]
fn a_question_changes_nothing() {
    none(src(), questions_that_change);
    none(tests(), questions_that_change);
}

#[test]
fn no_literal_is_wide() {
    none(src(), wide_literals);
    for (name, reason) in WIDE {
        let is_wide = src().iter().flat_map(|source| &source.literals).any(|it| it.name == *name && it.fields > FIELDS);
        assert!(is_wide, "{name} is not wide any more; it was allowed because {reason}");
    }
}

#[test]
fn a_doc_comment_says_something() {
    none(src(), empty_docs);
    none(tests(), empty_docs);
}

/// Asserts that a rule finds fault with the first texts and with none of the others.
#[track_caller]
fn tells(rule: fn(&Source) -> Vec<String>, wrong: &[&str], right: &[&str]) {
    for text in wrong {
        assert_eq!(rule(&Source::parse("src/collect/made_up.rs", text)).len(), 1, "{text}");
    }
    for text in right {
        assert_eq!(rule(&Source::parse("src/collect/made_up.rs", text)), [""; 0], "{text}");
    }
}

#[test]
fn what_is_written_otherwise_is_found() {
    let (long, allowed) = ("//\n".repeat(LINES + 1), "//\n".repeat(LINES));
    tells(too_long, &[&long], &[&allowed]);
    tells(without_header, &["use std::io;", "//! Made up."], &["//! Owns what is made up."]);
    let paths = ["src/one.rs", "src/one/mod.rs", "src/two/mod.rs", "src/two.zip"].map(str::to_owned);
    assert_eq!(beside_its_folder(&paths), ["src/one.rs belongs into the mod.rs of its folder"]);
    tells(
        split_imports,
        &[
            "use std::io;\nuse std::fs;",
            "use super::one;\nuse crate::x;\nuse super::{two, three};",
            "use std::{\n    fs,\n    io,\n};\n\nuse zip::x;",
            "use std::fs;\n\nuse zip::x;",
        ],
        &[
            "use std::{fs, io};\nuse zip::x;\n\nfn x() {}",
            "pub use one::One;\n\nuse one::Two;",
            "use std::io;\n#[cfg(unix)]\nuse std::fs;",
            "use std::io;\nmod tests {\n    use std::fs;\n}",
            "use std::io;\nfn x() {\n    use std::fs;\n}",
        ],
    );
    tells(
        questions_that_change,
        &["impl X { fn is_open(&mut self) -> bool { true } }", "trait X { fn has_any(&mut self) -> bool; }"],
        &[
            "impl X { fn is_open(&self) -> bool { true } fn island(&mut self) {} }",
            "fn is_open(mut x: X) -> bool { true }",
        ],
    );
    let literal = |fields: usize| {
        format!("fn x() {{ X {{ {} }}; }}", (0..fields).map(|at| format!("x{at}, ")).collect::<String>())
    };
    let method = format!("impl Y {{ {} }}", literal(FIELDS + 1).replace("X {", "Self {"));
    tells(wide_literals, &[&literal(FIELDS + 1), &method], &[&literal(FIELDS)]);
    tells(
        empty_docs,
        &[
            "struct X {\n    /// Its name.\n    name: String,\n}",
            "/// What.\nenum What {}",
            "impl Window {\n    /// The start.\n    fn start(&self) {}\n}",
            "struct X {\n    /// Starts.\n    started_at: u8,\n}",
        ],
        &[
            "struct X {\n    /// As the API server spells it.\n    name: String,\n}",
            "/// In bytes.\nconst LIMIT: u8 = 1;",
            "impl Window {\n    /// Start of the window.\n    fn start(&self) {}\n}",
            "struct X {\n    name: String,\n}",
        ],
    );
}

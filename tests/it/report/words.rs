//! Markdown and terminal: short enough, in order, and nothing of others' text means anything in them.

use super::{fixture::Incident, page::HOSTILE};
use kubectl_escalate::report;

/// Markdown without its code spans: by CommonMark, a span ends at the next run of as many backticks.
fn without_code(markdown: &str) -> String {
    let mut out = String::new();
    for line in markdown.lines() {
        let mut rest = line;
        while let Some(start) = rest.find('`') {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            let fence = from.len() - from.trim_start_matches('`').len();
            let behind = &from[fence..];
            let mut at = 0;
            let end = loop {
                let next = behind[at..].find('`').map(|next| at + next).unwrap_or_else(|| panic!("no end in {line}"));
                let run = behind[next..].len() - behind[next..].trim_start_matches('`').len();
                if run == fence {
                    break next;
                }
                at = next + run;
            };
            rest = &behind[end + fence..];
        }
        out.push_str(rest);
        out.push('\n');
    }
    out
}

#[test]
fn the_markdown_fits_a_ticket_and_has_the_root_cause_first() {
    for (pods, lines) in [(3, 10), (100, 20)] {
        let text = Incident::of(pods, lines).markdown();
        assert!(text.chars().count() <= 6000, "{}", text.len());
        let places = [
            "Trust domain: `example.org`",
            "Issuance affected: yes",
            "Existing SVIDs work until they expire.",
            "**critical**: The control plane cannot be reached",
            "Evidence: `stream to control plane ended: rpc error",
            "spirldbg network-diagnostics`",
            "**warning**: A server restarts again and again",
            "What support asks for",
            "**partly** logs from 15 minutes",
            "What is missing",
            "forbidden: services",
        ]
        .map(|words| text.find(words).unwrap_or_else(|| panic!("{words} in {text}")));
        assert!(places.is_sorted(), "{text}");
    }
}

#[test]
fn in_the_markdown_others_words_are_code() {
    let text = Incident::of(3, 3).with(HOSTILE).markdown();
    assert!(text.chars().count() <= 6000);
    let bare = without_code(&text);
    for means in ['<', '>', '[', ']', '@', '&', '!', '|', '~', '\\', '_', '$', '\r', '\u{1b}', '\u{202e}'] {
        assert!(!bare.contains(means), "{means:?} in {bare}");
    }
    assert!(!bare.contains("://") && !bare.contains("www."), "{bare}");
    assert!(text.contains("\\u{202e}"));
}

#[test]
fn the_terminal_has_a_screenful_with_the_root_cause_first() {
    let incident = Incident::of(3, 3);
    let text = report::summary(&incident.manifest, Some(&incident.findings), 1, "f", None);
    assert!(text.lines().count() <= 40, "{text}");
    let places =
        ["logs from 15 minutes", "The control plane cannot be reached", "spirldbg", "A server restarts", "sha256"]
            .map(|words| text.find(words).unwrap_or_else(|| panic!("{words} in {text}")));
    assert!(places.is_sorted(), "{text}");

    let mut many = incident.clone();
    let one = many.findings.findings[0].clone();
    many.findings.findings.extend(std::iter::repeat_n(one, 40));
    let text = report::summary(&many.manifest, Some(&many.findings), 1, "f", None);
    assert!(text.lines().count() <= 40, "{} {text}", text.lines().count());
    assert!(text.contains("more, in report.html"), "{text}");
}

#[test]
fn a_terminal_gets_nothing_to_obey() {
    let incident = Incident::of(3, 3).with(HOSTILE);
    let text = report::summary(&incident.manifest, Some(&incident.findings), 1, "f", None);
    assert!(text.lines().count() <= 40, "{text}");
    let obeyed = |char: char| char.is_control() && char != '\n' || ['\u{202e}', '\u{2066}', '\u{2028}'].contains(&char);
    assert_eq!(text.find(obeyed), None);
}

#[test]
fn what_people_read_uses_plain_words() {
    let incident = Incident::of(3, 3);
    let summary = report::summary(&incident.manifest, Some(&incident.findings), 30_000_000, "f", Some("b.zip"));
    let texts = [
        summary,
        report::readme(&incident.manifest),
        report::text(&incident.findings),
        incident.markdown(),
        incident.page(),
    ];
    for text in texts {
        assert_eq!(crate::language::banned(&text), [""; 0], "{text}");
    }
}

//! The page: what is in it, that nothing of others' text does anything, and how large it becomes.

use super::fixture::Incident;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use html5ever::{
    buffer_queue::BufferQueue,
    tokenizer::{
        Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::{Rawtext, Rcdata, ScriptData},
    },
};
use kubectl_escalate::{
    bundle::{Manifest, facts::Facts, findings::Findings},
    redact::{Key, Redactor},
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::{cell::RefCell, fs, path::Path};

/// Markup, script, terminal control, marks that turn text around, Markdown and a spreadsheet's formula.
pub(crate) const HOSTILE: &str = "</script><script>boom()</script><img src=x onerror=boom()>'\" onload=boom() x='{{7*7}}\
    </style></title></textarea>--><!--<svg onload=boom()>&lt;b&gt;\u{1b}[31m\u{9b}2J\u{7}\u{202e}\u{2066}\u{200b}\u{0}\r\n\
    **b** [l](javascript:boom()) @all #1 https://evil.example/ =cmd|' /C calc'!A0 ``` ~~~ \u{2028}";

/// An element: its name and its attributes.
type Element = (String, Vec<(String, String)>);

/// Each element that a browser would make, with its attributes, and the text of all of them.
fn elements(page: &str) -> (Vec<Element>, String) {
    #[derive(Default)]
    struct Found {
        tags: RefCell<Vec<Element>>,
        text: RefCell<String>,
    }
    impl TokenSink for Found {
        type Handle = ();
        fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
            match token {
                Token::TagToken(Tag { kind: TagKind::StartTag, name, attrs, .. }) => {
                    let attrs = attrs.iter().map(|attr| (attr.name.local.to_string(), attr.value.to_string()));
                    self.tags.borrow_mut().push((name.to_string(), attrs.collect()));
                    match &*name {
                        "script" => return TokenSinkResult::RawData(ScriptData),
                        "style" => return TokenSinkResult::RawData(Rawtext),
                        "title" => return TokenSinkResult::RawData(Rcdata),
                        _ => {}
                    }
                }
                Token::CharacterTokens(text) => self.text.borrow_mut().push_str(&text),
                Token::CommentToken(text) => panic!("a comment: {text}"),
                _ => {}
            }
            TokenSinkResult::Continue
        }
    }
    let tokens = Tokenizer::new(Found::default(), TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(page.into());
    let _ = tokens.feed(&queue);
    tokens.end();
    (tokens.sink.tags.take(), tokens.sink.text.take())
}

/// The elements and the names of their attributes: what is the template's own.
fn shape(page: &str) -> Vec<(String, Vec<String>)> {
    let (tags, _) = elements(page);
    tags.into_iter().map(|(name, attrs)| (name, attrs.into_iter().map(|(name, _)| name).collect())).collect()
}

fn nothing() -> Incident {
    let moment = "2026-11-22T15:42:00Z";
    let at = moment.parse().expect("a time");
    let findings = serde_json::json!({ "format": 1, "at": moment, "issuance": { "state": "not-checked", "why": "" } });
    let findings: Findings = serde_json::from_value(findings).expect("findings");
    Incident { manifest: Manifest::new(at, at, at), findings, facts: Facts::default(), series: Vec::new() }
}

#[test]
fn the_page_says_what_was_found_in_its_order() {
    let (_, text) = elements(&Incident::of(3, 10).page());
    let places: Vec<_> = [
        "What support asks for",
        "example.org",
        "1.42.0",
        "Issuance affected: yes",
        "Existing SVIDs work until they expire.",
        "The control plane cannot be reached",
        "It began before the others",
        "spirldbg network-diagnostics",
        "A server restarts again and again",
        "The timeline as a table",
        "Healthy baseline",
        "CrashLoopBackOff",
        "a new replica set",
        "needs list services in namespace tdd-one",
        "code = Unavailable desc = connection refused\",\"attempt\":9",
        "no Prometheus has container metrics",
    ]
    .map(|words| {
        // What is said twice counts where it is said last.
        text.rfind(words).or_else(|| text.find(words)).unwrap_or_else(|| panic!("{words} in {text}"))
    })
    .into();
    assert!(places.windows(2).filter(|pair| pair[0] > pair[1]).count() <= 2, "{places:?}");
    assert!(text.contains("3 of 3 pods") && text.contains("1 of 3 pods"), "{text}");
}

#[test]
fn only_its_own_style_and_script_may_run_and_nothing_is_loaded() {
    let page = Incident::of(3, 4).page();
    let (tags, _) = elements(&page);
    let between = |name: &str| {
        let (_, rest) = page.split_once(&format!("<{name}>")).expect("a beginning");
        rest.split_once(&format!("</{name}>")).expect("an end").0.to_owned()
    };
    let policy =
        &tags.iter().find(|(name, attrs)| name == "meta" && attrs[0].0 == "http-equiv").expect("a policy").1[1].1;
    for name in ["style", "script"] {
        let hash = STANDARD.encode(Sha256::digest(between(name).as_bytes()));
        assert!(policy.contains(&format!("{name}-src 'sha256-{hash}'")), "{policy}");
        assert_eq!(tags.iter().filter(|tag| tag.0 == name).count(), 1);
    }
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for (name, attrs) in &tags {
        for (attr, value) in attrs {
            assert!(
                !attr.starts_with("on") && !["style", "src", "srcset", "action"].contains(&attr.as_str()),
                "{name} {attr}"
            );
            let is_own = value.starts_with('#') || value.starts_with("clusters/");
            assert!(attr != "href" || is_own, "{name} {value}");
        }
    }
}

#[test]
fn ids_are_unique_and_what_refers_to_one_finds_it() {
    let (tags, _) = elements(&Incident::of(4, 30).page());
    let all = |name: &str| -> Vec<String> {
        let attrs = tags.iter().flat_map(|(_, attrs)| attrs).filter(|attr| attr.0 == name);
        attrs.flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    let mut ids = all("id");
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let refers = [
        all("aria-labelledby"),
        all("for"),
        all("href").into_iter().filter_map(|to| Some(to.strip_prefix('#')?.to_owned())).collect(),
    ]
    .concat();
    assert!(!refers.is_empty());
    refers.iter().for_each(|to| assert!(ids.contains(to), "{to}"));
}

#[test]
fn every_link_is_to_a_file_of_the_bundle_that_has_a_safe_name() {
    let mut incident = Incident::of(2, 2);
    let odd = "javascript:boom()".to_owned();
    incident.findings.findings[1].shown_by[0].entry = Some(odd.clone());
    let mut record = incident.manifest.entries[0].clone();
    record.path = odd;
    incident.manifest.entries.push(record);
    incident.facts.pods[0].entry = "clusters/not/there".to_owned();
    let (tags, text) = elements(&incident.page());
    let links = tags.iter().filter(|tag| tag.0 == "a").flat_map(|tag| &tag.1).filter(|attr| attr.0 == "href");
    let files: Vec<&str> = links.map(|attr| attr.1.as_str()).filter(|to| !to.starts_with('#')).collect();
    let known: Vec<&str> = incident.manifest.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert!(
        files.len() > 5 && files.iter().all(|file| known.contains(file) && file.starts_with("clusters/")),
        "{files:?}"
    );
    assert!(text.contains("javascript:boom()"));
}

#[test]
fn what_others_wrote_makes_no_element_and_no_attribute() {
    let incident = Incident::of(3, 6);
    let (plain, hostile) = (incident.with(" x").page(), incident.with(HOSTILE).page());
    assert_eq!(shape(&plain), shape(&hostile));
    let hidden = |char: &char| {
        char.is_control() && !['\n', '\t'].contains(char)
            || ('\u{2028}'..='\u{202e}').contains(char)
            || ('\u{2066}'..='\u{2069}').contains(char)
            || *char == '\u{200b}'
    };
    assert_eq!(hostile.chars().find(hidden), None);
    let (_, text) = elements(&hostile);
    assert!(text.contains("\\u{202e}") && text.contains("<img src=x onerror=boom()>"));
}

#[test]
fn a_page_of_nothing_says_that_nothing_was_looked_at() {
    let incident = nothing();
    let (_, text) = elements(&incident.page());
    assert!(text.contains("No rule was evaluated.") && text.contains("Issuance affected: not checked"), "{text}");
    assert!(incident.markdown().contains("Issuance affected: not checked"));
}

#[test]
fn a_hundred_pods_are_less_than_two_megabytes_and_what_has_no_room_is_counted() {
    for lines in [50, 400] {
        let incident = Incident::of(100, lines);
        let page = incident.page();
        assert!(page.len() < 2_000_000, "{} bytes with {lines} lines a pod", page.len());
        let (tags, text) = elements(&page);
        let shown =
            tags.iter().filter(|(name, attrs)| name == "li" && attrs.iter().any(|attr| attr.0 == "data-l")).count();
        let more = 100 * lines - shown;
        assert!(shown > 1000, "{shown}");
        assert!(more == 0 || text.contains(&format!("and {more} more lines, in facts.json")), "{more}");
        // Each pod has its share.
        assert!((0..100).all(|pod| tags.iter().any(|(_, attrs)| attrs.contains(&("data-p".into(), pod.to_string())))));
    }
}

#[test]
fn the_worst_of_text_is_less_than_two_megabytes_as_well() {
    let page = Incident::of(100, 50).with(&HOSTILE.repeat(20)).page();
    assert!(page.len() < 8_000_000, "{} bytes", page.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_text_at_all_changes_the_pages_elements(text in "[<>&\"'`=/ a-z!?{}%#;:\\-\\\\\n\u{0}\u{1b}\u{202e}]{0,60}|.{0,60}") {
        let incident = Incident::of(2, 2);
        // Between semicolons, an item of the checklist has details of their own.
        let hostile = incident.with(&format!(" {text}x").replace("; ", ";"));
        let (plain, hostile) = (shape(&incident.with(" x").page()), shape(&hostile.page()));
        let other = plain.iter().zip(&hostile).find(|(one, other)| one != other);
        prop_assert!(other.is_none() && plain.len() == hostile.len(), "{other:?}");
    }
}

/// What was redacted stays as it is when the page goes through redaction: a token put into the page at this point
/// would be an element.
#[test]
fn redaction_finds_nothing_to_do_in_a_page_of_what_is_clean() {
    let redactor = Redactor::new(&Key::from_bytes(b"a key for tests, sixteen or more").expect("long enough"));
    let word = |seed: u8| (0..32_u8).map(|at| char::from(b'a' + (at * 7 + seed * 3) % 26)).collect::<String>();
    let base64 =
        |seed: u8| STANDARD.encode((0..48_u8).map(|at| at.wrapping_mul(37).wrapping_add(seed)).collect::<Vec<_>>());
    let header = STANDARD.encode("{\"alg\":\"ES256\",\"typ\":\"JWT\"}");
    let claims = STANDARD.encode("{\"sub\":\"spiffe://example.org/x\",\"aud\":\"y\"}");
    let jwt = format!(
        "{}.{}.{}",
        header.trim_end_matches('='),
        claims.trim_end_matches('='),
        base64(9).replace(['+', '/', '='], "x")
    );
    for secret in [
        format!(" password={} and more", word(1)),
        format!(" {{\"password\":\"{}\",\"client_secret\":\"{}\"}}", word(2), word(3)),
        format!(" Authorization: Bearer {}", word(4)),
        format!(" token: {jwt}"),
        format!(
            " curl --password {} -u jane:{} https://jane:{}@db.example/x?api_key={}",
            word(5),
            word(6),
            word(7),
            word(8)
        ),
        format!(" AWS_SECRET_ACCESS_KEY='{}'", base64(1)),
        format!(" private_key=\"{}\"", base64(2)),
    ] {
        let clean = String::from_utf8(redactor.text(secret.as_bytes()).0.as_bytes().to_vec()).expect("text");
        assert!(clean.contains('<'), "{secret} has no secret");
        let incident = Incident::of(2, 3).with(&clean);
        // Where text was cut behind `password=`, what is left may be taken for one; but not as an element.
        let page = incident.page();
        let again = redactor.page(&page).0.as_str_lossy().into_owned();
        assert!(shape(&page) == shape(&again), "{secret} makes an element");
        let changed = page.split('<').zip(again.split('<')).filter(|(one, other)| one != other);
        changed.for_each(|(one, other)| assert!(one.contains('…'), "{one}\n{other}"));
    }
    let page = Incident::of(3, 10).page();
    let (again, counts) = redactor.page(&page);
    assert!(counts.is_empty() && again.as_bytes() == page.as_bytes(), "{counts:?}");
}

/// Writes pages with the files that they link to, for `tests/page/run`, which opens them in a browser.
#[test]
fn pages_for_a_browser() {
    let all = [
        ("incident", Incident::of(3, 40)),
        ("large", Incident::of(100, 50)),
        ("hostile", Incident::of(3, 12).with(HOSTILE)),
        ("nothing", nothing()),
    ];
    for (name, incident) in all {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
        for entry in &incident.manifest.entries {
            let file = folder.join(&entry.path);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, "evidence\n").expect("a file");
        }
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("report.html"), incident.page()).expect("a file");
        fs::write(folder.join("report.md"), incident.markdown()).expect("a file");
    }
}

//! The language of the rules: what a profile must not say is refused with its place.

use kubectl_escalate::profile::Profile;

const HEAD: &str = "name: x\nversion: 1\nselect: {labels: [app=x]}\nobjects: [{resource: pods}]\n\
queries: [{id: q, scenario: s, measures: m, unit: ratio, expr: up}]\nfindings:\n";

fn rule(rest: &str) -> String {
    format!("{HEAD}- {{id: a, scenario: s, severity: warning, title: t, means: m, {rest}}}\n")
}

#[test]
fn rules_that_mean_nothing_are_refused_with_their_place() {
    for (rest, expected) in [
        ("explains: [b], any: [{scrape: {closed: true}}]", "no finding is called `b`"),
        ("explains: [a], any: [{scrape: {closed: true}}]", "`a` would in the end explain itself"),
        ("next: []", "nothing tells it; give `all`, `any` or both"),
        ("any: [{}]", "give exactly one thing to look at"),
        ("any: [{scrape: {closed: true}, versions: {differ: true}}]", "give exactly one thing to look at"),
        ("any: [{scrape: {closed: false}}]", "it looks at nothing"),
        ("any: [{pod: {container: init}}]", "it looks at nothing"),
        ("any: [{pod: {notReadyFor: soon}}]", "`soon` is no duration"),
        ("any: [{pod: {condition: {type: Ready, status: maybe}}}]", "`maybe` is no status"),
        ("any: [{query: {id: none}}]", "no query is called `none`"),
        ("any: [{query: {id: q, value: '0.5'}}]", "`0.5` is no comparison"),
        ("any: [{query: {id: q, labels: {code: '('}}}]", "`(` is no regular expression: unclosed group"),
        ("any: [{log: {contains: []}}]", "give a word that such a line has"),
        ("any: [{log: {contains: [ab]}}]", "`ab` is no word of three ASCII characters"),
        ("any: [{log: {contains: [abc], fields: {x: '['}}}]", "`[` is no regular expression"),
        ("any: [{log: {contains: [abc], atLeast: 0}}]", "0 is always there"),
        ("any: [{log: {contains: [abc], deniedBy: none}}]", "no query is called `none`"),
        ("any: [{log: {contains: [abc], level: loud}}]", "unknown variant `loud`"),
        ("any: [{event: {reasons: []}}]", "give `reasons`"),
        ("any: [{resources: {limits: {cpu: much}}}]", "`much` is no quantity"),
        ("any: [{resources: {limits: {disk: 1Gi}}}]", "`disk` is not looked at"),
        ("any: [{usage: {resource: cpu, ofLimit: lots}}]", "`lots` is no comparison"),
        ("any: [{customResource: {missing: other.example.com}}]", "is none of the groups in `customResources`"),
        ("any: [{workload: {}}]", "it looks at nothing"),
        ("any: [{podd: {}}]", "unknown key `podd`"),
        ("any: [{scrape: {closed: true}}], issuance: maybe", "unknown variant `maybe`"),
        ("any: [{scrape: {closed: true}}], next: [{text: x, command: 'ls $HOME'}]", "`$HOME` is not filled in"),
        ("any: [{scrape: {closed: true}}], next: [{text: x, command: 'ls \"$POD\"'}]", "leave those around it out"),
        ("any: [{scrape: {closed: true}}], next: [{text: x, command: 'ls \"x'}]", "a quote is not closed"),
        ("any: [{scrape: {closed: true}}], next: [{text: x, command: 'ls `x`'}]", "cannot be filled in"),
    ] {
        let refused = Profile::parse("x.yaml", &rule(rest)).expect_err(rest).to_string();
        assert!(refused.contains(expected) && refused.starts_with("x.yaml:7:"), "{rest}: {refused}");
    }
    let twice = rule("any: [{scrape: {closed: true}}]")
        + "- {id: a, scenario: s, severity: info, title: t, means: m, any: [{scrape: {closed: true}}]}\n";
    assert!(Profile::parse("x.yaml", &twice).expect_err("twice").to_string().contains("two are called `a`"));
    let severity = rule("any: [{scrape: {closed: true}}]").replace("warning", "bad");
    assert!(Profile::parse("x.yaml", &severity).expect_err("bad").to_string().contains("unknown variant `bad`"));
    Profile::parse("x.yaml", &rule("any: [{scrape: {closed: true}}]")).expect("a profile");
}

#[test]
fn a_circle_of_causes_is_refused() {
    let one = |id: &str, explains: &str| {
        format!(
            "- {{id: {id}, scenario: s, severity: info, title: t, means: m, explains: [{explains}], any: [{{scrape: {{closed: true}}}}]}}\n"
        )
    };
    let circle = format!("{HEAD}{}{}{}", one("a", "b"), one("b", "c"), one("c", "a"));
    assert!(
        Profile::parse("x.yaml", &circle)
            .expect_err("a circle")
            .to_string()
            .contains("would in the end explain itself")
    );
}

#[test]
fn baseline_and_minting_name_queries_that_there_are() {
    for (rest, expected) in [
        ("baseline: [{id: a, signal: s, expected: e}]", "nothing tells it; give `query`, `wrong` or both"),
        ("baseline: [{id: a, signal: s, expected: e, query: none}]", "no query is called `none`"),
        ("baseline: [{id: a, signal: s, expected: e, wrong: {}}]", "give exactly one thing"),
        ("minting: [none]", "no query is called `none`"),
    ] {
        let text = format!("{}{rest}\n", HEAD.replace("findings:\n", ""));
        let refused = Profile::parse("x.yaml", &text).expect_err(rest).to_string();
        assert!(refused.contains(expected), "{rest}: {refused}");
    }
}

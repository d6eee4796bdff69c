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
        ("explains: [b], any: [{scrape: {closed: true}}]", "there is no finding named `b`"),
        ("explains: [a], any: [{scrape: {closed: true}}]", "`a` explains itself"),
        ("next: []", "this finding has no condition; set `all`, `any` or both"),
        ("any: [{}]", "a matcher has exactly one key"),
        ("any: [{scrape: {closed: true}, versions: {differ: true}}]", "a matcher has exactly one key"),
        ("any: [{scrape: {closed: false}}]", "this has no condition"),
        ("any: [{pod: {container: init}}]", "this has no condition"),
        ("any: [{pod: {notReadyFor: soon}}]", "`soon` is not a duration"),
        ("any: [{pod: {condition: {type: Ready, status: maybe}}}]", "`maybe` is not a status"),
        ("any: [{query: {id: none}}]", "there is no query named `none`"),
        ("any: [{query: {id: q, value: '0.5'}}]", "`0.5` is not a comparison"),
        ("any: [{query: {id: q, labels: {code: '('}}}]", "`(` is not a regular expression: unclosed group"),
        ("any: [{log: {contains: []}}]", "list at least one word of such a line"),
        ("any: [{log: {contains: [ab]}}]", "`ab` is not a word of three or more ASCII characters"),
        ("any: [{log: {contains: [abc], fields: {x: '['}}}]", "`[` is not a regular expression"),
        ("any: [{log: {contains: [abc], atLeast: 0}}]", "0 always matches"),
        ("any: [{log: {contains: [abc], deniedBy: none}}]", "there is no query named `none`"),
        ("any: [{log: {contains: [abc], level: loud}}]", "unknown value `loud`"),
        ("any: [{event: {reasons: []}}]", "list at least one of `reasons`"),
        ("any: [{resources: {limits: {cpu: much}}}]", "`much` is not a quantity"),
        ("any: [{resources: {limits: {disk: 1Gi}}}]", "`disk` is not checked"),
        ("any: [{usage: {resource: cpu, ofLimit: lots}}]", "`lots` is not a comparison"),
        ("any: [{customResource: {missing: other.example.com}}]", "add it to `customResources`"),
        ("any: [{workload: {}}]", "this has no condition"),
        ("any: [{podd: {}}]", "unknown key `podd`"),
        ("any: [{scrape: {closed: true}}], issuance: maybe", "unknown value `maybe`"),
        (
            "any: [{scrape: {closed: true}}], next: [{text: x, command: 'ls $HOME'}]",
            "`$HOME` is not a variable of commands",
        ),
        (
            "any: [{scrape: {closed: true}}], next: [{text: x, command: 'ls \"$POD\"'}]",
            "remove the quotes around `$POD`",
        ),
        (
            "any: [{scrape: {closed: true}}], unless: [{query: {id: q}}], next: [{text: x, command: 'curl $QUERY'}]",
            "the rule has no `query` that `$QUERY` could be",
        ),
        ("any: [{scrape: {closed: true}}], next: [{text: x, command: 'ls \"x'}]", "the command ends inside quotes"),
        ("any: [{scrape: {closed: true}}], next: [{text: x, command: 'ls `x`'}]", "a command cannot contain"),
    ] {
        let refused = Profile::parse("x.yaml", &rule(rest), &kubectl_escalate::collectors::optional())
            .expect_err(rest)
            .to_string();
        assert!(refused.contains(expected) && refused.starts_with("x.yaml:7:"), "{rest}: {refused}");
    }
    let twice = rule("any: [{scrape: {closed: true}}]")
        + "- {id: a, scenario: s, severity: info, title: t, means: m, any: [{scrape: {closed: true}}]}\n";
    assert!(
        Profile::parse("x.yaml", &twice, &kubectl_escalate::collectors::optional())
            .expect_err("twice")
            .to_string()
            .contains("two items are named `a`")
    );
    let severity = rule("any: [{scrape: {closed: true}}]").replace("warning", "bad");
    assert!(
        Profile::parse("x.yaml", &severity, &kubectl_escalate::collectors::optional())
            .expect_err("bad")
            .to_string()
            .contains("unknown value `bad`")
    );
    Profile::parse("x.yaml", &rule("any: [{scrape: {closed: true}}]"), &kubectl_escalate::collectors::optional())
        .expect("a profile");
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
        Profile::parse("x.yaml", &circle, &kubectl_escalate::collectors::optional())
            .expect_err("a circle")
            .to_string()
            .contains("explains itself")
    );
}

#[test]
fn baseline_and_minting_name_queries_that_there_are() {
    for (rest, expected) in [
        ("baseline: [{id: a, signal: s, expected: e}]", "nothing checks this line; set `query`, `wrong` or both"),
        ("baseline: [{id: a, signal: s, expected: e, query: none}]", "there is no query named `none`"),
        ("baseline: [{id: a, signal: s, expected: e, wrong: {}}]", "a matcher has exactly one key"),
        ("minting: [none]", "there is no query named `none`"),
    ] {
        let text = format!("{}{rest}\n", HEAD.replace("findings:\n", ""));
        let refused =
            Profile::parse("x.yaml", &text, &kubectl_escalate::collectors::optional()).expect_err(rest).to_string();
        assert!(refused.contains(expected), "{rest}: {refused}");
    }
}

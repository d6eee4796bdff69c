//! Owns the table of vendors and the formats of their tokens.
//!
//! To add a rule, add an entry with its id, what it replaces, examples, and the formats of its tokens. To add a format,
//! add a line to its vendor. The keyword search, the examples' test and docs/SECURITY.md read this table. When it
//! becomes too long for a file, begin a second one beside it and chain both in [`vendors`](super::vendors).

use super::format::{
    CASE_SENSITIVE, Vendor, alphanumeric, dashed, dotted, format, has_dot, lower_hex, path, slack_cookie, upper, word,
};
use crate::redact::rule::Rule;

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        rule: Rule {
            id: "github-token",
            replaces: "a GitHub token (ghp_, gho_, ghu_, ghs_, ghr_, github_pat_)",
            is_of_objects: false,
            matches: &["got «ghp_{word*36}».", r#"{"x":"«github_pat_{word*22}_{word*59}»"}"#, r"a\n«ghs_{word*36}»\nb"],
            keeps: &["ghp_{word*10}", "a_ghp_{word*36}"],
        },
        formats: &[
            format("ghp_", word, 20),
            format("gho_", word, 20),
            format("ghu_", word, 20),
            format("ghs_", word, 20),
            format("ghr_", word, 20),
            format("github_pat_", word, 20),
        ],
    },
    Vendor {
        rule: Rule {
            id: "gitlab-token",
            replaces: "a GitLab token (glpat- and similar)",
            is_of_objects: false,
            matches: &["got «glpat-{word*20}».", "x=«glrt-{word*20}»,y=1"],
            keeps: &["glpat-{word*8}"],
        },
        formats: &[
            format("glpat-", dotted, 16),
            format("gldt-", dotted, 16),
            format("glrt-", dotted, 16),
            format("glptt-", dotted, 16),
        ],
    },
    Vendor {
        rule: Rule {
            id: "slack-token",
            replaces: "a Slack token or webhook",
            is_of_objects: false,
            matches: &["got «xoxb-{word*40}».", "https://«hooks.slack.com/services/{upper*9}/{upper*11}/{word*24}»"],
            keeps: &["xoxb-a1b2", "https://hooks.slack.com/services/"],
        },
        formats: &[
            format("xoxa-", dashed, 10).keyword("xox"),
            format("xoxb-", dashed, 10).keyword("xox"),
            format("xoxc-", dashed, 10).keyword("xox"),
            format("xoxd-", slack_cookie, 10).keyword("xox"),
            format("xoxe-", dashed, 10).keyword("xox"),
            format("xoxe.", dotted, 10).keyword("xox"),
            format("xoxo-", dashed, 10).keyword("xox"),
            format("xoxp-", dashed, 10).keyword("xox"),
            format("xoxr-", dashed, 10).keyword("xox"),
            format("xoxs-", dashed, 10).keyword("xox"),
            format("xapp-", dashed, 10),
            format("hooks.slack.com/services/", path, 16).keyword("hooks.slack.com/"),
        ],
    },
    Vendor {
        rule: Rule {
            id: "google-key",
            replaces: "a Google API key (AIza) or OAuth access token (ya29.)",
            is_of_objects: false,
            matches: &["got «AIza{word*35}».", "got «ya29.{word*60}»"],
            keeps: &["AIza{word*10}"],
        },
        formats: &[format("AIza", dashed, 30), format("ya29.", dashed, 20)],
    },
    Vendor {
        rule: Rule {
            id: "stripe-key",
            replaces: "a Stripe key (sk_live_, rk_live_, sk_test_, rk_test_)",
            is_of_objects: false,
            matches: &["got «sk_live_{word*24}».", "got «rk_test_{word*24}»"],
            keeps: &["sk_live_{word*5}"],
        },
        formats: &[
            format("sk_live_", alphanumeric, 10),
            format("sk_test_", alphanumeric, 10),
            format("rk_live_", alphanumeric, 10),
            format("rk_test_", alphanumeric, 10),
        ],
    },
    Vendor {
        rule: Rule {
            id: "npm-token",
            replaces: "an npm token",
            is_of_objects: false,
            matches: &["got «npm_{word*36}»."],
            keeps: &["npm_config_registry=https://registry.example"],
        },
        formats: &[format("npm_", alphanumeric, 30)],
    },
    Vendor {
        rule: Rule {
            id: "pypi-token",
            replaces: "a PyPI token",
            is_of_objects: false,
            matches: &["got «pypi-AgEI{word*80}»."],
            keeps: &["pypi-{word*20}"],
        },
        formats: &[format("pypi-AgEI", dashed, 20).keyword("pypi-"), format("pypi-AgEN", dashed, 20).keyword("pypi-")],
    },
    Vendor {
        rule: Rule {
            id: "vault-token",
            replaces: "a HashiCorp Vault token (hvs., hvb., hvr.)",
            is_of_objects: false,
            matches: &["got «hvs.{word*24}».", "got «hvb.{word*90}»"],
            keeps: &["hvs.{word*8}"],
        },
        formats: &[format("hvs.", dashed, 20), format("hvb.", dashed, 20), format("hvr.", dashed, 20)],
    },
    Vendor {
        rule: Rule {
            id: "digitalocean-token",
            replaces: "a DigitalOcean token (dop_v1_, doo_v1_, dor_v1_)",
            is_of_objects: false,
            matches: &["got «dop_v1_{hex*64}»."],
            keeps: &["dop_v1_{hex*8}"],
        },
        formats: &[
            format("do_v1_", lower_hex, 32),
            format("dop_v1_", lower_hex, 32),
            format("doo_v1_", lower_hex, 32),
            format("dor_v1_", lower_hex, 32),
        ],
    },
    Vendor {
        rule: Rule {
            id: "sendgrid-key",
            replaces: "a SendGrid key",
            is_of_objects: false,
            matches: &["got «SG.{word*22}.{word*43}»."],
            keeps: &["SG.{word*65}"],
        },
        formats: &[format("SG.", dotted, 32).checked(has_dot)],
    },
    Vendor {
        rule: Rule {
            id: "aws-access-key",
            replaces: "an AWS access key ID",
            is_of_objects: false,
            matches: &["got «AKIA{upper*16}».", "x=«ASIA{upper*16}»,y=1"],
            keeps: &["AKIA{upper*15}", "AKIA{upper*17}"],
        },
        formats: &[format("AKIA", upper, 16).exactly(), format("ASIA", upper, 16).exactly()],
    },
    Vendor {
        rule: Rule {
            id: "twilio-key",
            replaces: "a Twilio API key",
            is_of_objects: false,
            matches: &["got «SK{hex*32}»."],
            keeps: &["SK{hex*31}", "sk{hex*32}"],
        },
        formats: &[format(CASE_SENSITIVE, lower_hex, 32).exactly().case_sensitive()],
    },
    Vendor {
        rule: Rule {
            id: "age-identity",
            replaces: "an age secret key",
            is_of_objects: false,
            matches: &["got «AGE-SECRET-KEY-1{upper*58}»."],
            keeps: &["AGE-SECRET-KEY-1 is how one begins"],
        },
        formats: &[
            format("AGE-SECRET-KEY-1", upper, 40).keyword("age-secret-key-"),
            format("AGE-SECRET-KEY-PQ-1", upper, 40).keyword("age-secret-key-"),
        ],
    },
];

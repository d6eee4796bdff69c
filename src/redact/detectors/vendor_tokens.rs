//! Owns tokens that vendors give a prefix, so that they are recognised wherever they stand: one table, [`VENDORS`].
//!
//! To add a rule, add an entry with its id, what it replaces, examples, and the formats of its tokens. To add a format,
//! add a line to its vendor. The keyword search and the documentation read this table.

use super::detection::{Continuation, Detection, Detector, OpenSecret, Progress, RuleSet, Secret};
use crate::redact::{
    rule::{Rule, token_length},
    text::region::Region,
};

/// A rule whose secrets have formats of their own.
struct Vendor {
    rule: Rule,
    formats: &'static [Format],
}

/// One format of a token: a prefix, and the bytes that follow it.
struct Format {
    prefix: &'static str,
    /// Which bytes follow the prefix.
    body: fn(u8) -> bool,
    /// At least so many bytes follow the prefix.
    shortest: usize,
    /// At most so many bytes follow the prefix. When more do, this is no token.
    longest: usize,
    /// What else has to be true of these bytes.
    is_valid: fn(&[u8]) -> bool,
    keyword: Keyword,
}

/// How the keyword search finds a format.
#[derive(Clone, Copy)]
enum Keyword {
    /// By its prefix, in whatever case.
    Prefix,
    /// By this beginning of the prefix, in lower case, which other formats share.
    Shared(&'static str),
    /// By [`CASE_SENSITIVE`].
    CaseSensitive,
}

/// A token of at least `shortest` bytes of `body` behind `prefix`.
const fn format(prefix: &'static str, body: fn(u8) -> bool, shortest: usize) -> Format {
    Format { prefix, body, shortest, longest: usize::MAX, is_valid: |_| true, keyword: Keyword::Prefix }
}

impl Format {
    /// A token has exactly as many bytes behind its prefix as it has at least.
    const fn exactly(self) -> Self {
        Self { longest: self.shortest, ..self }
    }

    /// The bytes behind the prefix have to pass a test.
    const fn checked(self, is_valid: fn(&[u8]) -> bool) -> Self {
        Self { is_valid, ..self }
    }

    /// One keyword, the beginning of several prefixes, stands for all of them.
    const fn keyword(self, shared: &'static str) -> Self {
        Self { keyword: Keyword::Shared(shared), ..self }
    }

    /// The prefix is too common in lower case to be a keyword.
    const fn case_sensitive(self) -> Self {
        Self { keyword: Keyword::CaseSensitive, ..self }
    }

    fn fits(&self, length: usize) -> bool {
        (self.shortest..=self.longest).contains(&length)
    }
}

static VENDORS: &[Vendor] = &[
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
            replaces: "a GitLab token (glpat- and its kin)",
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
            replaces: "an AWS access key id",
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

/// Nothing but its form marks a bootstrap token, so only the value of a secret's name can be one.
static BOOTSTRAP: Rule = Rule {
    id: "bootstrap-token",
    replaces: "a Kubernetes bootstrap token",
    is_of_objects: false,
    matches: &["kubeadm join 10.0.0.1:6443 --token «{lower*6}.{lower*16}»"],
    keeps: &["see abcdef.0123456789abcdef there"],
};

pub(super) const RULES: RuleSet = RuleSet {
    rules: || VENDORS.iter().map(|vendor| &vendor.rule).chain([&BOOTSTRAP]).collect(),
    detectors: &[Detector::computed(keywords, detect)],
};

/// The one keyword that is searched for in its own case: in lower case it would be on most lines.
pub(crate) const CASE_SENSITIVE: &str = "SK";

/// Every format with its rule.
fn formats() -> impl Iterator<Item = (&'static Rule, &'static Format)> {
    VENDORS.iter().flat_map(|vendor| vendor.formats.iter().map(|format| (&vendor.rule, format)))
}

fn keywords() -> Vec<String> {
    let mut keywords: Vec<String> = Vec::new();
    for (_, format) in formats() {
        let keyword = match format.keyword {
            Keyword::Prefix => format.prefix.to_lowercase(),
            Keyword::Shared(keyword) => keyword.to_owned(),
            Keyword::CaseSensitive => continue,
        };
        if !keywords.contains(&keyword) {
            keywords.push(keyword);
        }
    }
    keywords
}

/// The vendor's token that begins at `at`.
pub(crate) fn detect(region: &Region<'_>, at: usize, _: &mut Progress) -> Detection {
    if !region.begins_word(at) {
        return Detection::Nothing;
    }
    let rest = region.rest(at);
    let Some((rule, format)) = formats().find(|(_, format)| rest.starts_with(format.prefix.as_bytes())) else {
        return Detection::Nothing;
    };
    let body = at + format.prefix.len();
    let end = region.run(body, format.body);
    if region.cut_at(end) {
        let continuation = Continuation::While(format.body);
        return Detection::Open(OpenSecret { from: at, start: at, rule, continuation });
    }
    let end = trim_dots(region.text, body, end);
    let is_exact = format.longest != usize::MAX;
    if is_exact && token_length(region.rest(end)).is_some()
        || !format.fits(end - body)
        || !(format.is_valid)(&region.text[body..end])
    {
        return Detection::Nothing;
    }
    Detection::Secret(Secret { from: at, start: at, end, rule, plain: None })
}

/// The rule of which `value`, the value of a secret's name, is a token as a whole.
pub(super) fn whole(value: &[u8]) -> Option<&'static Rule> {
    if is_bootstrap_token(value) {
        return Some(&BOOTSTRAP);
    }
    let (rule, format) = formats().find(|(_, format)| value.starts_with(format.prefix.as_bytes()))?;
    let body = &value[format.prefix.len()..];
    (format.fits(body.len()) && body.iter().all(|byte| (format.body)(*byte))).then_some(rule)
}

fn is_bootstrap_token(value: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    value.len() == 23 && value[6] == b'.' && value[..6].iter().all(part) && value[7..].iter().all(part)
}

/// Where a token ends: a full stop behind it belongs to the sentence.
fn trim_dots(text: &[u8], start: usize, end: usize) -> usize {
    let dots = text[start..end].iter().rev().take_while(|byte| **byte == b'.').count();
    end - dots
}

fn has_dot(body: &[u8]) -> bool {
    body.contains(&b'.')
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    dashed(byte) || byte == b'.'
}

fn path(byte: u8) -> bool {
    word(byte) || byte == b'/'
}

fn slack_cookie(byte: u8) -> bool {
    dashed(byte) || matches!(byte, b'%' | b'+' | b'/')
}

fn lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

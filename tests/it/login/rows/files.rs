//! Kubeconfig files: lists, merging, forms of YAML, and pods without any.

use super::{Row, Rows};
use crate::{
    login::case::{Case, KEYS, TOKEN, packed, wrapped},
    support::needs,
};
use serde_json::{Value, json};

/// The kubeconfig in several files, in this order; a missing name is a file that is not there.
fn list(case: Case, names: &str) -> Case {
    let folder = case.folder.path().display().to_string();
    let list: Vec<_> =
        names.split(':').map(|name| if name.is_empty() { String::new() } else { format!("{folder}/{name}") }).collect();
    case.env("KUBECONFIG", list.join(":"))
}

fn whole(case: &Case) -> String {
    case.config().to_string()
}

fn with(case: Case, name: &str, document: &Value) -> Case {
    case.file(name, document.to_string());
    case
}

/// The kubeconfig's usual YAML, with these lines for the authority.
fn yaml(case: &Case, authority: &str) -> String {
    let server = case.cluster["server"].as_str().expect("an address");
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters:\n- name: c\n  cluster:\n    server: {server}\n\
         {authority}\ncontexts:\n- name: x\n  context:\n    cluster: c\n    user: u\nusers:\n- name: u\n  user:\n    token: {TOKEN}\n"
    )
}

fn data() -> String {
    format!("    certificate-authority-data: {}", packed(&KEYS.authority.certificate))
}

fn in_yaml(change: impl Fn(String) -> String) -> Case {
    let case = Case::new();
    let text = change(yaml(&case, &data()));
    case.text(text)
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Rows::new("kubeconfig files");
    rows.works("a missing file first", || list(Case::new(), "gone:config"));
    rows.works("a missing file last", || list(Case::new(), "config:gone"));
    rows.works("empty names", || list(Case::new(), ":config::"));
    rows.works("the same file twice", || list(Case::new(), "config:config"));
    rows.fails("only missing files", || list(Case::new(), "gone:lost"));
    rows.works("an empty file first", || {
        let case = Case::new();
        case.file("empty", "");
        list(case, "empty:config")
    });
    rows.works("an empty current-context first", || {
        list(with(Case::new(), "unset", &json!({ "current-context": "", "contexts": [] })), "unset:config")
    });
    rows.works("null everywhere first", || {
        let nulls =
            json!({ "current-context": null, "contexts": null, "clusters": null, "users": null, "preferences": null });
        list(with(Case::new(), "nulls", &nulls), "nulls:config")
    });
    rows.fails("a file that is no YAML first", || {
        let case = Case::new();
        case.file("bad", "{ a: [");
        list(case, "bad:config")
    });
    rows.works("the first current-context wins", || {
        let case = Case::new();
        let second = json!({ "current-context": "gone" });
        list(with(case, "second", &second), "config:second")
    });
    rows.fails("the first current-context wins, also if there is no such context", || {
        list(with(Case::new(), "first", &json!({ "current-context": "gone" })), "first:config")
    });
    rows.works("the first cluster wins", || {
        let other = json!({ "clusters": [{ "name": "c", "cluster": { "server": "https://gone.test" } }] });
        list(with(Case::new(), "second", &other), "config:second")
    });
    rows.fails("the first cluster wins, also if it is wrong", || {
        let other = json!({ "clusters": [{ "name": "c", "cluster": { "server": "https://127.0.0.1:1" } }] });
        list(with(Case::new(), "first", &other), "first:config")
    });
    rows.fails("two files do not make one user", || {
        list(
            with(Case::new(), "first", &json!({ "users": [{ "name": "u", "user": { "username": "x" } }] })),
            "first:config",
        )
    });
    rows.works("cluster, user and context in three files", || {
        let case = Case::new();
        let config = case.config();
        let case = with(case, "clusters/a", &json!({ "clusters": config["clusters"] }));
        let case = with(case, "users/b", &json!({ "users": config["users"] }));
        let case = with(case, "c", &json!({ "contexts": config["contexts"], "current-context": "x" }));
        list(case, "clusters/a:users/b:c")
    });
    rows.works("paths start at the file that has them", || {
        let case = Case::new();
        case.file("a/token", TOKEN);
        case.file("token", "other");
        let case = with(case, "a/user", &json!({ "users": [{ "name": "u", "user": { "tokenFile": "token" } }] }));
        list(case, "a/user:config")
    });
    rows.works("a relative name in KUBECONFIG", || {
        let case = Case::new().user(json!({ "tokenFile": "token" })).env("KUBECONFIG", "a/../a/config");
        case.file("a/token", TOKEN);
        case.file("a/config", whole(&case));
        case
    });
    rows.works("a link to the file, and paths from where the link is", || {
        let case = Case::new().user(json!({ "tokenFile": "token" }));
        case.file("b/real", whole(&case));
        case.file("a/token", TOKEN);
        std::os::unix::fs::symlink("../b/real", case.path("a/config")).expect("a link");
        list(case, "a/config")
    });
    rows.fails("a folder instead of a file", || {
        let case = Case::new();
        case.file("a/b", "");
        list(case, "a:config")
    });
    rows.works("context by flag", || {
        let mut case = Case::new();
        case.arguments = ["--context", "x"].map(str::to_owned).to_vec();
        let text = whole(&case).replace("\"current-context\":\"x\"", "\"current-context\":\"gone\"");
        case.text(text)
    });
    rows.fails("context by flag that is not there", || {
        let mut case = Case::new();
        case.arguments = ["--context", "gone"].map(str::to_owned).to_vec();
        case
    });
    rows.works("file by flag wins over KUBECONFIG", || {
        let mut case = Case::new().env("KUBECONFIG", "/nowhere");
        case.arguments = vec!["--kubeconfig".to_owned(), case.path("config").display().to_string()];
        case
    });
    rows.works("file by flag, relative", || {
        let mut case = Case::new().env("KUBECONFIG", "/nowhere");
        case.file("token", TOKEN);
        case.user = json!({ "tokenFile": "token" });
        case.arguments = ["--kubeconfig", "./config"].map(str::to_owned).to_vec();
        case
    });
    rows.fails("file by flag that is not there", || {
        let mut case = Case::new();
        case.arguments = ["--kubeconfig", "gone"].map(str::to_owned).to_vec();
        case
    });
    rows.works("~/.kube/config", || {
        let mut case = Case::new();
        case.without = true;
        case.file(".kube/config", whole(&case));
        case
    });
    rows.works("~/.kube/config with an empty KUBECONFIG", || {
        let mut case = Case::new().env("KUBECONFIG", "");
        case.without = true;
        case.file(".kube/config", whole(&case));
        case
    });
    rows.fails("no current-context", || {
        let case = Case::new();
        let text = whole(&case).replace("\"current-context\":\"x\",", "");
        case.text(text)
    });
    rows.fails("a context without a cluster", || Case::new().context(json!({ "user": "u" })));
    rows.ours("kubectl asks for a user name", "a context without a user", || {
        Case::open().context(json!({ "cluster": "c" }))
    });
    rows.ours("kubectl asks for a user name", "a user that is not there", || {
        Case::open().context(json!({ "cluster": "c", "user": "gone" }))
    });
    rows.fails("a cluster that is not there", || Case::new().context(json!({ "cluster": "gone", "user": "u" })));

    rows.kind = "kubeconfig text";
    rows.works("YAML", || in_yaml(|text| text));
    rows.works("CRLF", || in_yaml(|text| text.replace('\n', "\r\n")));
    rows.works("a byte order mark", || in_yaml(|text| format!("\u{feff}{text}")));
    rows.works("UTF-16", || {
        let case = Case::new();
        let text = yaml(&case, &data());
        let bytes: Vec<u8> =
            "\u{feff}".chars().chain(text.chars()).flat_map(|letter| (letter as u16).to_le_bytes()).collect();
        case.file("wide", bytes);
        list(case, "wide")
    });
    rows.works("a key twice", || in_yaml(|text| format!("{text}kind: Config\n")));
    rows.works("a key twice, the last wins", || {
        in_yaml(|text| text.replace("    server: ", "    server: https://127.0.0.1:1\n    server: "))
    });
    rows.works("empty list items", || {
        in_yaml(|text| text.replace("users:\n", "users:\n-\n").replace("contexts:\n", "contexts:\n- \n"))
    });
    rows.works("unknown keys", || in_yaml(|text| format!("{text}preferences: {{colors: true}}\nx-more: [1, 2]\n")));
    rows.works("comments and a document mark", || in_yaml(|text| format!("# mine\n---\n{text}# end\n")));
    rows.works("two documents", || in_yaml(|text| format!("{text}---\nkind: Other\n")));
    rows.works("an end mark", || in_yaml(|text| format!("{text}...\n")));
    rows.works("an anchor and a merge key", || {
        in_yaml(|text| {
            text.replace("  cluster:\n", "  cluster: &one\n")
                .replace("contexts:\n", "- name: d\n  cluster:\n    <<: *one\ncontexts:\n")
                .replace("    cluster: c\n", "    cluster: d\n")
        })
    });
    rows.works("keys that are no texts", || {
        in_yaml(|text| format!("{text}preferences:\n  1: a\n  true: b\n  2.5: c\nextensions:\n- name: x\n  extension: {{7: [1, 0x1f], on: off}}\n"))
    });
    rows.works("tags", || in_yaml(|text| text.replace(TOKEN, &format!("!!str {TOKEN}"))));
    rows.works("a number that is tagged as a text", || {
        let case = Case::new();
        let text = yaml(&case, &data()).replace("name: u\n", "name: !!str 7\n").replace("user: u\n", "user: \"7\"\n");
        case.text(text)
    });
    rows.works("a date where nobody looks", || in_yaml(|text| format!("{text}made: 2026-11-30\nat: 12:30:45\n")));
    rows.works("names in other scripts", || {
        in_yaml(|text| {
            text.replace("name: x\n", "name: früh-北\n")
                .replace("current-context: x\n", "current-context: \"fr\\u00fch-北\"\n")
        })
    });
    rows.works("JSON with tabs", || {
        let case = Case::new();
        let text = whole(&case).replace(",\"", ",\n\t\"");
        case.text(text)
    });
    rows.works("a folded block of base64 lines", || {
        let case = Case::new();
        let lines = wrapped(&KEYS.authority.certificate, "\n      ");
        let text = yaml(&case, &format!("    certificate-authority-data: |\n      {}", lines.trim_end()));
        case.text(text)
    });
    rows.works("a quoted text over lines", || {
        let case = Case::new();
        let lines = wrapped(&KEYS.authority.certificate, "\\n\\\n      ");
        let text =
            yaml(&case, &format!("    certificate-authority-data: \"{}\"", lines.trim_end().trim_end_matches("\\n\\")));
        case.text(text)
    });
    rows.works("yes for true", || {
        let case = Case::new();
        let text = yaml(&case, "    insecure-skip-tls-verify: yes");
        case.text(text)
    });
    rows.fails("a tab as indentation", || in_yaml(|text| text.replace("    server", "\tserver")));
    rows.fails("a token that is a number", || in_yaml(|text| text.replace(TOKEN, "12345")));
    rows.rows.extend(pods());
    rows.rows
}

/// In a pod, as far as a mount can make one.
fn pods() -> Vec<Row> {
    let mut rows = Rows::new("pods");
    if !needs::mounts() {
        return Vec::new();
    }
    let pod = |token: &str, authority: bool| {
        let mut case = Case::new();
        let token = case.file("account/token", token);
        case.file("account/namespace", "tdd-one");
        if authority {
            case.file("account/ca.crt", &KEYS.authority.certificate);
        }
        case.pod = token.parent().map(std::path::Path::to_path_buf);
        case.without = true;
        let port = case.port();
        case.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", port)
    };
    rows.works("a service account", move || pod(TOKEN, true));
    rows.works("a service account, its token with LF", move || pod(&format!("{TOKEN}\n"), true));
    rows.fails("a service account with another token", move || pod("other", true));
    rows.fails("a service account without an authority", move || pod(TOKEN, false));
    rows.works("a service account, and KUBECONFIG is missing", move || pod(TOKEN, true).env("KUBECONFIG", "/gone"));
    rows.works("a service account, and an empty kubeconfig", move || {
        let case = pod(TOKEN, true);
        case.file(".kube/config", "");
        case
    });
    rows.works("a kubeconfig wins", move || {
        let mut case = pod("other", true);
        case.without = false;
        case
    });
    rows.kind = "no kubeconfig";
    rows.works("KUBERNETES_MASTER", || {
        let mut case = Case::plain();
        case.without = true;
        let url = case.api.url();
        case.env("KUBERNETES_MASTER", url)
    });
    rows.fails("nothing at all", || {
        let mut case = Case::plain();
        case.without = true;
        case
    });
    rows.rows
}

//! Credential plugins: what they are told, what they print, and how they end.

use super::{Row, Rows};
use crate::login::case::{Case, KEYS, TOKEN};
use serde_json::{Value, json};

const V1: &str = "client.authentication.k8s.io/v1";
const BETA: &str = "client.authentication.k8s.io/v1beta1";

/// A plugin that is a script of sh, next to the kubeconfig.
fn plugin(case: Case, version: &str, script: &str, more: Value) -> Case {
    case.file("plugin", format!("#!/bin/sh\n{script}\n"));
    let mut exec = json!({ "apiVersion": version, "command": "./plugin", "interactiveMode": "Never" });
    more.as_object().expect("fields").iter().for_each(|(name, value)| exec[name] = value.clone());
    case.user(json!({ "exec": exec }))
}

/// Prints a credential.
fn says(version: &str, status: Value) -> String {
    format!("cat <<'END'\n{}\nEND", json!({ "apiVersion": version, "kind": "ExecCredential", "status": status }))
}

fn token(version: &str) -> String {
    says(version, json!({ "token": TOKEN }))
}

/// A plugin that fails unless what it is told has this.
fn told(what: &str) -> String {
    format!(
        "case \"$KUBERNETES_EXEC_INFO\" in {what}) ;; *) echo \"$KUBERNETES_EXEC_INFO\" >&2; exit 1;; esac\n{}",
        token(V1)
    )
}

fn wants(script: &str) -> Case {
    plugin(Case::new(), V1, script, json!({}))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Rows::new("credential plugins");
    for (name, version) in [("v1", V1), ("v1beta1", BETA)] {
        for mode in ["Never", "IfAvailable"] {
            rows.works(format!("{name}, {mode}"), move || {
                plugin(Case::new(), version, &token(version), json!({ "interactiveMode": mode }))
            });
        }
        rows.fails(format!("{name}, Always, without a terminal"), move || {
            plugin(Case::new(), version, &token(version), json!({ "interactiveMode": "Always" }))
        });
        rows.fails(format!("{name}, another mode"), move || {
            plugin(Case::new(), version, &token(version), json!({ "interactiveMode": "Maybe" }))
        });
    }
    rows.works("v1beta1, no mode", || plugin(Case::new(), BETA, &token(BETA), json!({ "interactiveMode": null })));
    rows.ours("no mode is IfAvailable", "v1, no mode", || {
        plugin(Case::new(), V1, &token(V1), json!({ "interactiveMode": null }))
    });
    rows.fails("v1alpha1", || plugin(Case::new(), "client.authentication.k8s.io/v1alpha1", &token(V1), json!({})));
    rows.fails("an answer of another version", || wants(&token(BETA)));
    rows.works("told that it is not interactive", || wants(&told(r#"*'"interactive":false'*"#)));
    rows.works("told the version", || wants(&told(r#"*client.authentication.k8s.io/v1*"#)));
    rows.works("told nothing of the cluster", || {
        wants(&format!("case \"$KUBERNETES_EXEC_INFO\" in *cluster*) exit 1;; esac\n{}", token(V1)))
    });
    for (name, what) in [
        ("server", r#"*'"server":"https://127.0.0.1:'*"#),
        ("authorities", r#"*'"certificate-authority-data":"LS0t'*"#),
        ("name", r#"*'"tls-server-name":"localhost"'*"#),
        ("config", r#"*'"audience":"prod"'*"#),
    ] {
        rows.works(format!("told the cluster's {name}"), move || {
            let extension =
                json!([{ "name": "client.authentication.k8s.io/exec", "extension": { "audience": "prod" } }]);
            let case = Case::new().cluster("extensions", extension).cluster("tls-server-name", "localhost");
            plugin(case, V1, &told(what), json!({ "provideClusterInfo": true }))
        });
    }
    rows.works("arguments and environment", || {
        let script = format!("[ \"$1 $2 $WHO\" = 'a b c jane' ] || exit 1\n{}", token(V1));
        let more = json!({ "args": ["a b", "c"], "env": [{ "name": "WHO", "value": "jane" }] });
        plugin(Case::new().env("WHO", "nobody"), V1, &script, more)
    });
    rows.works("a name in PATH", || {
        let case = plugin(Case::new(), V1, &token(V1), json!({ "command": "plugin" }));
        let path = format!("{}:{}", case.folder.path().display(), std::env::var("PATH").unwrap_or_default());
        case.env("PATH", path)
    });
    rows.works("a name in our PATH, and another PATH for the plugin", || {
        let more = json!({ "command": "plugin", "env": [{ "name": "PATH", "value": "/usr/bin:/bin" }] });
        let case = plugin(Case::new(), V1, &token(V1), more);
        let path = format!("{}:{}", case.folder.path().display(), std::env::var("PATH").unwrap_or_default());
        case.env("PATH", path)
    });
    rows.works("told by us, whatever its environment says", || {
        plugin(
            Case::new(),
            V1,
            &told("*ExecCredential*"),
            json!({ "env": [{ "name": "KUBERNETES_EXEC_INFO", "value": "x" }] }),
        )
    });
    rows.works("null for lists", || plugin(Case::new(), V1, &token(V1), json!({ "args": null, "env": null })));
    rows.works("told the server as it is written", || {
        let case = Case::new();
        let address = format!("https://LOCALHOST:{}", case.port());
        let what = format!("*'\"server\":\"{address}\"'*");
        plugin(case.cluster("server", address), V1, &told(&what), json!({ "provideClusterInfo": true }))
    });
    rows.fails("a name that is not in PATH", || plugin(Case::new(), V1, "", json!({ "command": "no-such-plugin" })));
    rows.fails("no command", || plugin(Case::new(), V1, "", json!({ "command": "" })));
    for (name, expires) in [
        ("later", "2090-01-01T00:00:00Z"),
        ("at once", "2020-01-01T00:00:00Z"),
        ("in another zone", "2090-01-01T00:00:00+02:00"),
    ] {
        rows.works(format!("expires {name}"), move || {
            wants(&says(V1, json!({ "token": TOKEN, "expirationTimestamp": expires })))
        });
    }
    rows.fails("expires at no time", || wants(&says(V1, json!({ "token": TOKEN, "expirationTimestamp": "soon" }))));
    rows.works("slow", || wants(&format!("sleep 2\n{}", token(V1))));
    rows.works("much on standard error", || wants(&format!("yes noise | head -c 3000000 >&2\n{}", token(V1))));
    rows.works("much white space on standard output", || wants(&format!("yes '' | head -c 300000\n{}", token(V1))));
    rows.works("leaves a process behind", || wants(&format!("sleep 3 >/dev/null 2>&1 &\n{}", token(V1))));
    rows.works("leaves a process behind that holds its streams", || wants(&format!("sleep 3 &\n{}", token(V1))));
    rows.works("prints after it has ended", || {
        wants(&format!("(sleep 2; {}) &", token(V1).replace("\nEND", "\nEND\n")))
    });
    rows.works("YAML", || wants(&format!("echo 'apiVersion: {V1}\nkind: ExecCredential\nstatus:\n  token: {TOKEN}'")));
    rows.fails("no ExecCredential", || wants("echo hello"));
    rows.fails("nothing", || wants("true"));
    rows.fails("no status", || wants(&says(V1, Value::Null)));
    rows.fails("an empty status", || wants(&says(V1, json!({}))));
    rows.fails("exit code 3", || wants("echo 'log in first' >&2; exit 3"));
    rows.fails("another token", || wants(&says(V1, json!({ "token": "other" }))));
    let shown = || json!({ "clientCertificateData": KEYS.client.certificate, "clientKeyData": KEYS.client.key });
    rows.works("a client certificate", move || plugin(Case::with_clients(), V1, &says(V1, shown()), json!({})));
    rows.works("a client certificate and a token", move || {
        let mut status = shown();
        status["token"] = TOKEN.into();
        let case = Case::with_clients().wants("authorization", &format!("Bearer {TOKEN}"));
        plugin(case, V1, &says(V1, status), json!({}))
    });
    rows.fails("a client certificate without its key", move || {
        plugin(
            Case::with_clients(),
            V1,
            &says(V1, json!({ "clientCertificateData": KEYS.client.certificate })),
            json!({}),
        )
    });
    rows.fails("and an auth-provider", || {
        let mut case = wants(&token(V1));
        case.user["auth-provider"] = json!({ "name": "oidc", "config": {} });
        case
    });
    rows.works("for a server without TLS it is not run", || plugin(Case::plain(), V1, "exit 1", json!({})));
    rows.rows
}

//! Credentials that change while the program runs.

use super::case::{Case, HERE, KEYS, TOKEN};
use crate::support::{Reply, front::Tls};
use serde_json::json;
use std::{
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A plugin that counts its runs and prints a token by their number.
fn counting(case: Case, tokens: &[&str], expires: Option<&str>) -> Case {
    let mut choice = String::new();
    for (at, token) in tokens.iter().enumerate() {
        let number = if at + 1 == tokens.len() { "*".to_owned() } else { (at + 1).to_string() };
        choice.push_str(&format!("{number}) t='{token}';;\n"));
    }
    let expires = expires.map(|time| format!(",\"expirationTimestamp\":\"{time}\"")).unwrap_or_default();
    let script = format!(
        "#!/bin/sh\necho run >>runs\ncase $(grep -c run runs) in\n{choice}esac\n\
         echo '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"'$t'\"{expires}}}}}'\n"
    );
    case.file("plugin", script);
    case.user(json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "./plugin",
    } }))
}

fn runs(case: &Case) -> usize {
    std::fs::read_to_string(case.path("runs")).expect("it ran").lines().count()
}

#[track_caller]
fn collects(case: &Case) {
    let done = case.collect(&[]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_plugin_is_run_once_for_all_requests() {
    for expires in [None, Some("2090-01-01T00:00:00Z"), Some("2020-01-01T00:00:00Z")] {
        let case = counting(Case::new(), &[TOKEN, "second"], expires);
        collects(&case);
        assert_eq!(runs(&case), 1, "expires {expires:?}");
    }
}

#[test]
fn a_token_that_is_refused_is_renewed_once_for_all_requests() {
    let case = counting(Case::new(), &["stale", TOKEN, "third"], Some("2020-01-01T00:00:00Z"));
    collects(&case);
    assert_eq!(runs(&case), 2);
    let refused = case.api.asked().iter().filter(|asked| asked.header("authorization") == "Bearer stale").count();
    assert_eq!(refused, 1, "the first request is sent alone");
}

#[test]
fn a_token_that_expires_under_many_requests_is_renewed_once() {
    let case = counting(Case::open(), &["first", "second", "third"], Some("2020-01-01T00:00:00Z"));
    let asked = AtomicUsize::new(0);
    case.api.on(move |request| {
        let is_late = asked.fetch_add(1, Ordering::SeqCst) >= 6;
        let wanted = if is_late { "Bearer second" } else { "Bearer first" };
        (request.header("authorization") != wanted).then(|| Reply::status(401, "Unauthorized", "Unauthorized"))
    });
    collects(&case);
    assert_eq!(runs(&case), 2);
}

#[test]
fn a_plugin_that_always_gives_a_token_that_is_refused_is_not_run_for_each_request() {
    let case = counting(Case::new(), &["other"], Some("2020-01-01T00:00:00Z"));
    let done = case.collect(&[]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(4) && said.contains("401"), "{said}");
    assert_eq!(runs(&case), 2);
}

#[test]
fn a_token_file_that_changes_is_read_again_when_its_token_is_refused() {
    let mut case = Case::open();
    let file = case.file("token", "first\n");
    case.user = json!({ "tokenFile": "token" });
    let asked = AtomicUsize::new(0);
    case.api.on(move |request| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        if number == 6 {
            std::fs::write(&file, "second\n").expect("a file");
        }
        let wanted = if number >= 6 { "Bearer second" } else { "Bearer first" };
        (request.header("authorization") != wanted).then(|| Reply::status(401, "Unauthorized", "Unauthorized"))
    });
    collects(&case);
}

#[test]
fn a_new_client_certificate_gets_new_connections() {
    let mut tls = Tls::new(&KEYS.server.certificate, &KEYS.server.key);
    tls.clients = Some(KEYS.authority.certificate.clone());
    let case = Case::listening(&tls, HERE);
    let identity = |pair: &crate::support::certificates::Pair| json!({ "clientCertificateData": pair.certificate, "clientKeyData": pair.key });
    let second = KEYS.authority.client("second", &rcgen::PKCS_ECDSA_P256_SHA256);
    let said = |status: serde_json::Value, token: &str| {
        let mut status = status;
        status["token"] = token.into();
        status["expirationTimestamp"] = "2020-01-01T00:00:00Z".into();
        json!({ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status })
    };
    case.file("first.json", said(identity(&KEYS.client), "stale").to_string());
    case.file("second.json", said(identity(&second), TOKEN).to_string());
    case.file("plugin", "#!/bin/sh\nif [ -e ran ]; then cat second.json; else touch ran; cat first.json; fi\n");
    let case = case.user(json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "./plugin",
    } }));
    collects(&case);
    assert!(case.fronts[0].clients() >= 2, "{} client certificates were shown", case.fronts[0].clients());
}

#[test]
fn new_tokens_of_openid_connect_are_kept_in_the_kubeconfig() {
    let case = super::rows::refreshed();
    collects(&case);
    let text = std::fs::read_to_string(case.path("config")).expect("the kubeconfig");
    assert!(text.contains("\"r1\"") && !text.contains("\"r0\""), "{text}");
    let mode = std::fs::metadata(case.path("config")).expect("the kubeconfig").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = Arc::new(case.others[0].asked_for("/token"));
    assert_eq!(token.len(), 1, "{token:#?}");
    // The next run has the new tokens, and asks the issuer for nothing.
    let text = serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    let case = Case { user: text["users"][0]["user"].clone(), ..case };
    collects(&case);
    assert_eq!(case.others[0].asked_for("/token").len(), 1);
}

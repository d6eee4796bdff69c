//! Client certificates and their keys.

use super::{Row, Rows, trust::algorithms};
use crate::login::case::{Case, KEYS, TOKEN, packed, wrapped};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

/// What openssl makes of a text.
fn openssl(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("openssl");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    String::from_utf8(child.wait_with_output().expect("openssl").stdout).expect("PEM")
}

fn pair(certificate: &str, key: &str) -> Value {
    json!({ "client-certificate-data": packed(certificate), "client-key-data": packed(key) })
}

fn shown(certificate: &str, key: &str) -> Case {
    Case::with_clients().user(pair(certificate, key))
}

/// The usual certificate with a key that is changed.
fn with_key(change: impl Fn(&str) -> String + Send + Sync) -> Case {
    shown(&KEYS.client.certificate, &change(&KEYS.client.key))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Rows::new("client certificates");
    let traditional = |key: &str| openssl(&["pkey", "-traditional"], key);
    for (name, algorithm) in algorithms() {
        let forms: &[&str] = match name {
            "RSA" => &["PKCS#8", "PKCS#1"],
            "Ed25519" => &["PKCS#8"],
            _ => &["PKCS#8", "SEC 1"],
        };
        for &form in forms {
            let own = move || {
                let own = KEYS.authority.client("jane", algorithm);
                let key = if form == "PKCS#8" { own.key } else { traditional(&own.key) };
                (own.certificate, key)
            };
            rows.works(format!("{name}, {form}, data"), move || {
                let (certificate, key) = own();
                shown(&certificate, &key)
            });
            rows.works(format!("{name}, {form}, data, wrapped"), move || {
                let (certificate, key) = own();
                let user = json!({
                    "client-certificate-data": wrapped(certificate, "\n"), "client-key-data": wrapped(key, "\r\n"),
                });
                Case::with_clients().user(user)
            });
            rows.works(format!("{name}, {form}, files"), move || {
                let (certificate, key) = own();
                let case = Case::with_clients();
                case.file("jane.crt", certificate);
                let key = case.file("keys/jane.key", key);
                case.user(json!({ "client-certificate": "jane.crt", "client-key": key }))
            });
        }
    }
    rows.works("words around the certificate", || {
        shown(&format!("Certificate:\n    Data: x\n{}", KEYS.client.certificate), &KEYS.client.key)
    });
    rows.works("CRLF", || {
        let crlf = |text: &str| text.replace('\n', "\r\n");
        shown(&crlf(&KEYS.client.certificate), &crlf(&KEYS.client.key))
    });
    rows.works("certificate and key in one file", || {
        let case = Case::with_clients();
        let both = format!("{}{}", KEYS.client.certificate, KEYS.client.key);
        case.file("jane.pem", both);
        case.user(json!({ "client-certificate": "jane.pem", "client-key": "jane.pem" }))
    });
    rows.works("key before the certificate in one file", || {
        let case = Case::with_clients();
        let both = format!("{}{}", KEYS.client.key, KEYS.client.certificate);
        case.file("jane.pem", both);
        case.user(json!({ "client-certificate": "jane.pem", "client-key": "jane.pem" }))
    });
    rows.works("the curve's parameters before the key", move || {
        with_key(|key| {
            let curve = openssl(&["ecparam", "-name", "prime256v1"], "");
            assert!(curve.contains("EC PARAMETERS"), "{curve}");
            format!("{curve}{}", traditional(key))
        })
    });
    rows.works("PKCS#8 that is called an EC key", || with_key(|key| key.replace("PRIVATE KEY", "EC PRIVATE KEY")));
    rows.works("SEC 1 that is called PKCS#8", move || {
        with_key(|key| traditional(key).replace("EC PRIVATE KEY", "PRIVATE KEY"))
    });
    rows.works("a key without its public half, SEC 1", || with_key(|key| openssl(&["ec", "-no_public"], key)));
    rows.works("a key without its public half, PKCS#8", || {
        with_key(|key| openssl(&["pkcs8", "-topk8", "-nocrypt"], &openssl(&["ec", "-no_public"], key)))
    });
    rows.works("a header within the key", || {
        with_key(|key| key.replace("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nComment: mine\n\n"))
    });
    rows.works("with an intermediate", || {
        let middle = KEYS.authority.intermediate("middle");
        let own = middle.client("jane", &rcgen::PKCS_ECDSA_P256_SHA256);
        shown(&format!("{}{}", own.certificate, middle.certificate), &own.key)
    });
    rows.fails("without the intermediate", || {
        let own = KEYS.authority.intermediate("middle").client("jane", &rcgen::PKCS_ECDSA_P256_SHA256);
        shown(&own.certificate, &own.key)
    });
    rows.works("and a token", || {
        let mut user = pair(&KEYS.client.certificate, &KEYS.client.key);
        user["token"] = TOKEN.into();
        Case::with_clients().user(user).wants("authorization", &format!("Bearer {TOKEN}"))
    });
    rows.works("and a credential plugin that fails", || {
        let mut user = pair(&KEYS.client.certificate, &KEYS.client.key);
        user["exec"] = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "false",
        });
        Case::with_clients().user(user)
    });
    rows.ours("data wins", "data and a file", || {
        let case = Case::with_clients();
        case.file("jane.crt", &KEYS.client.certificate);
        let mut user = pair(&KEYS.client.certificate, &KEYS.client.key);
        user["client-certificate"] = "jane.crt".into();
        case.user(user)
    });
    rows.fails("a key without a certificate", || {
        Case::with_clients().user(json!({ "client-key-data": packed(&KEYS.client.key) }))
    });
    rows.fails("a certificate without a key", || {
        Case::with_clients().user(json!({ "client-certificate-data": packed(&KEYS.client.certificate) }))
    });
    rows.fails("another's key", || shown(&KEYS.client.certificate, &KEYS.other.key));
    rows.fails("a file that is not there", || {
        Case::with_clients().user(json!({ "client-certificate": "gone", "client-key": "gone" }))
    });
    rows.fails("an encrypted key", || with_key(|key| openssl(&["pkey", "-aes128", "-passout", "pass:open"], key)));
    rows.fails("an unknown authority's", || {
        let own = KEYS.other.client("jane", &rcgen::PKCS_ECDSA_P256_SHA256);
        shown(&own.certificate, &own.key)
    });
    rows.fails("none where one is wanted", Case::with_clients);
    rows.rows
}

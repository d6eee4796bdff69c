//! Tokens, passwords, OpenID Connect and impersonation.

use super::{Row, Rows};
use crate::{
    login::case::{Case, HERE, TOKEN, packed},
    support::{
        Api, Reply,
        certificates::Pair,
        front::{Front, Tls},
    },
};
use base64::Engine as _;
use serde_json::{Value, json};

fn token_file(text: &str) -> Case {
    let case = Case::new().user(json!({ "tokenFile": "token" }));
    case.file("token", text);
    case
}

fn basic(user: &str, password: &str) -> Case {
    let wanted = format!("Basic {}", packed(format!("{user}:{password}")));
    let case = Case::open();
    case.user(json!({ "username": user, "password": password })).wants("authorization", &wanted)
}

/// A token that nobody has signed, with this expiry.
fn id_token(expires: i64) -> String {
    let part = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(json!({ "alg": "RS256" })), part(json!({ "sub": "jane", "exp": expires })))
}

const LATE: i64 = 4_000_000_000;

/// An issuer that gives a new ID token for the refresh token, and how it takes the client's secret.
fn issuer(takes: &'static str, brings: Value) -> Api {
    Api::new(move |asked| match asked.path.as_str() {
        "/.well-known/openid-configuration" => {
            Some(Reply::json(&json!({ "token_endpoint": format!("http://{}/token", asked.header("host")) })))
        }
        "/token" => {
            let is_in_header = asked.header("authorization") == format!("Basic {}", packed("client:secret"));
            let is_right = asked.method == "POST" && (takes == "any" || (takes == "header") == is_in_header);
            Some(if is_right { Reply::json(&brings) } else { Reply::status(401, "invalid_client", "invalid_client") })
        }
        _ => None,
    })
}

fn oidc(config: Value) -> Case {
    let wanted = format!("Bearer {}", id_token(LATE));
    Case::open().user(json!({ "auth-provider": { "name": "oidc", "config": config } })).wants("authorization", &wanted)
}

fn refreshed(takes: &'static str, brings: Value, old: Option<i64>) -> Case {
    let issuer = issuer(takes, brings);
    let mut config = json!({
        "idp-issuer-url": issuer.url(), "client-id": "client", "client-secret": "secret", "refresh-token": "r0",
    });
    if let Some(old) = old {
        config["id-token"] = id_token(old).into();
    }
    let mut case = oidc(config);
    case.others.push(issuer);
    case
}

fn brings() -> Value {
    json!({ "id_token": id_token(LATE), "access_token": "a", "token_type": "Bearer", "refresh_token": "r1" })
}

/// A login whose old token has expired.
pub(super) fn expired() -> Case {
    refreshed("any", brings(), Some(1))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Rows::new("tokens");
    rows.works("token", Case::new);
    rows.fails("another token", || Case::new().user(json!({ "token": "other" })));
    rows.fails("no token", || Case::new().user(json!({})));
    for (name, end) in [("nothing", ""), ("LF", "\n"), ("CRLF", "\r\n"), ("spaces", "  \n\n")] {
        rows.works(format!("file that ends in {name}"), move || token_file(&format!("{TOKEN}{end}")));
    }
    rows.works("file that begins with LF", || token_file(&format!("\n{TOKEN}\n")));
    rows.fails("file that is empty", || token_file(""));
    rows.fails("file that is not there", || Case::new().user(json!({ "tokenFile": "gone" })));
    rows.works("file and another token", || {
        let case = Case::new().user(json!({ "token": "other", "tokenFile": "token" }));
        case.file("token", TOKEN);
        case
    });
    rows.works("token and a file that is not there", || {
        Case::new().user(json!({ "token": TOKEN, "tokenFile": "gone" }))
    });
    rows.ours("white space around it", "token that ends in LF", || {
        Case::new().user(json!({ "token": format!("{TOKEN}\n") }))
    });
    rows.works("token and a credential plugin that fails", || {
        Case::new().user(json!({ "token": TOKEN, "exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "false",
        } }))
    });
    rows.fails("token for a server without TLS", || {
        Case::plain().user(json!({ "token": TOKEN })).wants("authorization", &format!("Bearer {TOKEN}"))
    });

    rows.kind = "passwords";
    rows.works("user and password", || basic("jane", "open: sesame"));
    rows.works("user and an empty password", || basic("jane", ""));
    rows.works("letters beyond ASCII", || basic("jäne", "sésame"));
    rows.fails("another password", || basic("jane", "x").wants("authorization", "Basic eDp5"));
    rows.ours("kubectl asks for a user name", "in the server's address", || {
        let case = Case::open().wants("authorization", &format!("Basic {}", packed("jane:open@")));
        let server = format!("https://jane:op%65n%40@{}", case.front());
        case.cluster("server", server)
    });
    rows.fails("and a token", || Case::new().user(json!({ "token": TOKEN, "username": "jane", "password": "open" })));

    rows.kind = "OpenID Connect";
    rows.works("a token that counts", || {
        oidc(json!({ "idp-issuer-url": "https://issuer.test", "client-id": "client", "id-token": id_token(LATE) }))
    });
    rows.fails("an expired token", || {
        oidc(json!({ "idp-issuer-url": "https://issuer.test", "client-id": "client", "id-token": id_token(1) }))
    });
    rows.fails("no issuer", || oidc(json!({ "client-id": "client", "id-token": id_token(LATE) })));
    rows.fails("no token", || oidc(json!({ "idp-issuer-url": "https://issuer.test", "client-id": "client" })));
    rows.fails("a token that is none", || {
        oidc(json!({ "idp-issuer-url": "https://issuer.test", "client-id": "client", "id-token": "x.y" }))
    });
    for takes in ["header", "body"] {
        rows.works(format!("refreshed, the secret in the {takes}"), move || refreshed(takes, brings(), Some(1)));
    }
    rows.works("refreshed, without an old token", move || refreshed("any", brings(), None));
    rows.fails("refreshed, without a new token", || {
        refreshed("any", json!({ "access_token": "a", "token_type": "Bearer" }), Some(1))
    });
    rows.works("refreshed by an issuer with its own authority", move || {
        let (authority, mut case) =
            (Pair::authority("idp", &rcgen::PKCS_ECDSA_P256_SHA256), refreshed("any", brings(), Some(1)));
        let server = authority.server(&["127.0.0.1"], &rcgen::PKCS_ECDSA_P256_SHA256);
        let behind = case.others[0].address();
        case.others[0].on_path("/.well-known/openid-configuration", |asked| {
            Reply::json(&json!({ "token_endpoint": format!("https://{}/token", asked.header("host")) }))
        });
        let front = Front::tls(HERE, &Tls::new(&server.certificate, &server.key), behind);
        let config = &mut case.user["auth-provider"]["config"];
        config["idp-issuer-url"] = format!("https://{}", front.address).into();
        config["idp-certificate-authority-data"] = packed(&authority.certificate).into();
        case.fronts.push(front);
        case
    });
    for removed in ["gcp", "azure", "openstack"] {
        rows.fails(format!("auth-provider {removed}"), move || {
            Case::new().user(json!({ "auth-provider": { "name": removed, "config": { "access-token": TOKEN } } }))
        });
    }

    rows.kind = "impersonation";
    let acting = |fields: Value| {
        let mut user = json!({ "token": TOKEN });
        fields.as_object().expect("fields").iter().for_each(|(name, value)| user[name] = value.clone());
        Case::new().user(user)
    };
    rows.works("user", move || acting(json!({ "as": "bob" })).wants("impersonate-user", "bob"));
    rows.works("user and groups", move || {
        acting(json!({ "as": "bob", "as-groups": ["dev"] })).wants("impersonate-group", "dev")
    });
    rows.works("user and UID", move || acting(json!({ "as": "bob", "as-uid": "u7" })).wants("impersonate-uid", "u7"));
    rows.works("user and more", move || {
        let case = acting(json!({ "as": "bob", "as-user-extra": { "example.org/Scopes": ["view"] } }));
        case.wants("impersonate-extra-example.org%2fscopes", "view")
    });
    rows.fails("groups without a user", move || acting(json!({ "as-groups": ["dev"] })));
    rows.works("by the flags", move || {
        let mut case = acting(json!({})).wants("impersonate-user", "bob").wants("impersonate-group", "dev");
        case.arguments = ["--as", "bob", "--as-group", "dev"].map(str::to_owned).to_vec();
        case
    });
    rows.rows
}

//! What goes, in text of one line.

use super::{
    redacted, redactor,
    samples::{base64, base64url, hex, jwe, jws, jws_parts, noise, word},
};

/// Checks that `text` loses each of `secrets` to the rule `rule`, and that
/// redaction leaves what it wrote alone.
#[track_caller]
fn replaces(text: &str, secrets: &[&str], rule: &str) -> String {
    let (clean, counts) = redactor().string(text);
    for secret in secrets {
        assert!(!clean.contains(secret), "{secret} is left in {clean}");
    }
    assert!(counts.iter().any(|(found, _)| found == rule), "{rule} is not in {counts:?}: {clean}");
    assert_eq!(redacted(&clean), clean, "not stable");
    clean
}

#[test]
fn signatures_of_jws() {
    let [header, claims, signature] = jws_parts();
    for text in [
        jws(),
        format!("token {} rejected", jws()),
        format!(r#"{{"token":"{}"}}"#, jws()),
        format!("Authorization: Bearer {}", jws()),
        format!(r#"{{\"jwt\":\"{}\"}}"#, jws()),
        format!("token={}.", jws()),
        format!("https://x/?id_token={}&state=1", jws()),
        format!("line\\n{}\\n", jws()),
    ] {
        let clean = replaces(&text, &[&signature], "jws-signature");
        assert!(clean.contains(&format!("{header}.{claims}.<jws-signature:")), "{clean}");
    }
    let wit = base64url(br#"{"typ":"wit+jwt","alg":"EdDSA"}"#);
    replaces(&format!("{wit}.{claims}.{signature}"), &[&signature], "jws-signature");
    // A payload sent apart.
    replaces(&format!("{header}..{signature}"), &[&signature], "jws-signature");
}

#[test]
fn all_but_the_header_of_jwe() {
    let jwe = jwe();
    let (header, rest) = jwe.split_once('.').expect("parts");
    let clean = replaces(&format!("got {jwe} here"), &[rest, &rest[..40]], "jwe");
    assert!(clean.starts_with(&format!("got {header}.<jwe:")), "{clean}");
}

#[test]
fn credentials_of_headers() {
    let secret = word(1, 32);
    for header in [
        "Authorization: Bearer ",
        "authorization: bearer ",
        "AUTHORIZATION: BEARER ",
        "authorization:[Bearer ",
        "\"Authorization\":[\"bEaReR ",
        "-H 'Proxy-Authorization: Bearer ",
        "Bearer ",
        "bearer  ",
    ] {
        let clean = replaces(&format!("{header}{secret}"), &[&secret], "bearer");
        assert!(clean.starts_with(header), "{clean}");
    }
    replaces("authorization: Bearer x1", &["x1"], "bearer");
    replaces(r#"{"authorization":"Bearer halibut","x":1}"#, &["halibut"], "bearer");
    let basic = base64(format!("bob:{secret}").as_bytes());
    for header in ["Authorization: Basic ", "authorization: BASIC ", "{\"Authorization\":\"basic ", "Basic "] {
        replaces(&format!("{header}{basic}"), &[&basic], "basic-auth");
    }
    replaces(&format!("Authorization: token {secret}"), &[&secret], "basic-auth");
    replaces(&format!("authorization: {secret}"), &[&secret], "named-secret");
    replaces(&format!(r#"Authorization: Digest username="bob", response="{secret}""#), &[&secret], "basic-auth");
    replaces(&format!("X-Api-Key: {secret}"), &[&secret], "named-secret");
    replaces(&format!("Cookie: session={secret}; a=b"), &[&secret], "cookie");
    replaces(&format!("set-cookie: session={secret}; Path=/"), &[&secret], "cookie");
}

#[test]
fn headers_within_strings() {
    let secret = word(1, 32);
    for (header, rule) in [
        // Padding at the end of a string is no parameter's opening quote.
        (format!("Authorization: Basic {}", base64(b"bob:halibut")), "basic-auth"),
        (format!("Authorization: Basic {}", base64(b"bob:halibut1")), "basic-auth"),
        (format!("Authorization: Basic {}", base64(b"bob:halibut12")), "basic-auth"),
        (format!("Basic {}", base64(b"bob:halibut12")), "basic-auth"),
        (format!("Authorization: Bearer {secret}="), "bearer"),
        (format!("Bearer {secret}="), "bearer"),
        (format!("Bearer {secret}=="), "bearer"),
        (format!("authorization: {secret}="), "named-secret"),
        (format!("Cookie: a={secret}="), "cookie"),
        // Parameters have quotes of their own.
        (format!(r#"Authorization: Digest username="o'b", uri="/", realm="", response="{secret}""#), "basic-auth"),
        (format!(r#"Authorization: Token token="{secret}""#), "basic-auth"),
        (format!(r#"Set-Cookie: SID="{secret}"; Path=/"#), "cookie"),
    ] {
        let credential = header.split_once(": ").map_or(header.as_str(), |(_, value)| value);
        let credential = credential.split_once(' ').map_or(credential, |(_, credential)| credential);
        let alone = replaces(&header, &[&secret, credential], rule);
        let string = |text: &str| serde_json::to_string(text).expect("a string");
        let escaped = string(&header);
        for (before, inner, after) in [
            (r#"{"msg":"#, escaped.clone(), r#","level":"error"}"#),
            (r#"{"msg":"#, escaped.clone(), "}"),
            (r#"{"msg": "#, escaped.clone(), r#", "@level": "error"}"#),
            (r#"["a","#, escaped.clone(), r#",""]"#),
            (r#"level=info msg="#, escaped.clone(), r#" err=" none" x="" "#),
            (r#"{"msg":"#, string(&format!("GET / HTTP/1.1\r\n{header}\r\nHost: x")), "}"),
            (r#"{"deep":"#, string(&format!(r#"{{"msg":{escaped},"level":"error"}}"#)), "}"),
            (r#"{"deep":"#, string(&format!(r#"{{"msg":{escaped}}}"#)), r#","level":"error"}"#),
        ] {
            let text = format!("{before}{inner}{after}");
            let clean = replaces(&text, &[&secret], rule);
            let (start, end) = (clean.find('<').expect("a token"), clean.find('>').expect("an end"));
            assert_eq!(super::hex(&clean), super::hex(&alone), "{text} became {clean}");
            assert!(text.starts_with(&clean[..start]) && text.ends_with(&clean[end + 1..]), "{text} became {clean}");
        }
    }
    // Cut off with what it stands in.
    for text in [
        format!(r#"Authorization: Digest username="bob", response="{secret}"#),
        format!(r#"{{"msg":"Authorization: Digest username=\"bob\", response=\"{secret}","x":1}}"#),
        format!(r#"-H 'Authorization: Digest username="bob", response="{secret}' x"#),
    ] {
        let clean = replaces(&text, &[&secret, "bob"], "basic-auth");
        assert!(text.ends_with(&clean[clean.find('>').expect("an end") + 1..]), "{clean}");
    }
}

#[test]
fn passwords_of_urls() {
    for url in [
        "postgres://bob:S@db:5432/x?sslmode=disable",
        "redis://:S@cache",
        "amqp://u:S@h/%2f",
        "https://x-access-token:S@github.com/o/r",
        "mysql: bob:S@tcp(db:3306)/x",
    ] {
        let clean = replaces(&url.replace('S', "halibut"), &["halibut"], "url-password");
        let mask = clean.find('<').expect("a token");
        assert_eq!(clean[..mask], url[..url.find('S').expect("a mark")]);
    }
    let clean = replaces("postgres://bob:hali@but@db/x", &["hali", "but"], "url-password");
    assert!(clean.ends_with(">@db/x"), "{clean}");
    assert_eq!(
        redacted("http://host:8080/a@b https://bob@host/ bob@example.org"),
        "http://host:8080/a@b https://bob@host/ bob@example.org"
    );
    assert_eq!(redacted("postgres://bob:xxxxx@db"), "postgres://bob:xxxxx@db");
}

#[test]
fn signatures_of_urls() {
    let secret = word(2, 43);
    replaces(&format!("https://a.blob.core.windows.net/c?sv=2024&sig={secret}%3D&se=x"), &[&secret], "url-signature");
    replaces(&format!(r"https://a.example/c?sv=2024\u0026sig={secret}"), &[&secret], "url-signature");
    replaces(
        &format!("https://b.s3.amazonaws.com/k?X-Amz-Date=x&X-Amz-Signature={}", hex(3, 64)),
        &[&hex(3, 64)],
        "url-signature",
    );
}

#[test]
fn tokens_of_vendors() {
    let words = |length| word(9, length);
    for (token, rule) in [
        (["gh", "p_", &words(36)].concat(), "github-token"),
        (["gh", "o_", &words(36)].concat(), "github-token"),
        (["github", "_pat_", &words(82)].concat(), "github-token"),
        (["gl", "pat-", &words(20)].concat(), "gitlab-token"),
        (["xo", "xb-", &words(40)].concat(), "slack-token"),
        (["AI", "za", &words(35)].concat(), "google-key"),
        (["ya", "29.", &words(60)].concat(), "google-key"),
        (["sk_", "live_", &words(24)].concat(), "stripe-key"),
        (["np", "m_", &words(36)].concat(), "npm-token"),
        (["py", "pi-AgEI", &words(80)].concat(), "pypi-token"),
        (["hv", "s.", &words(24)].concat(), "vault-token"),
        (["hv", "b.", &words(90)].concat(), "vault-token"),
        (["dop", "_v1_", &hex(9, 64)].concat(), "digitalocean-token"),
        (["S", "G.", &words(22), ".", &words(43)].concat(), "sendgrid-key"),
        (["S", "K", &hex(9, 32)].concat(), "twilio-key"),
        (["AK", "IA", &words(16).to_uppercase()].concat(), "aws-access-key"),
        (["AGE-SECRET", "-KEY-1", &words(58).to_uppercase()].concat(), "age-identity"),
    ] {
        for text in [
            token.clone(),
            format!("got {token}."),
            format!(r#"{{"x":"{token}"}}"#),
            format!("a\\n{token}\\nb"),
            format!("k={token},b=1"),
        ] {
            let clean = replaces(&text, &[&token], rule);
            assert_eq!(
                clean,
                text.replace(&token, &clean[clean.find('<').expect("a token")..=clean.find('>').expect("an end")])
            );
        }
    }
    let bootstrap = ["abcdef", ".", "0123456789abcdef"].concat();
    replaces(&format!("kubeadm join 10.0.0.1:6443 --token {bootstrap}"), &[&bootstrap], "bootstrap-token");
}

#[test]
fn values_of_names() {
    let secret = "halibut";
    for (text, left) in [
        ("password=¤", ""),
        ("x password=¤ y", " y"),
        ("user=bob,password=¤,host=db", ",host=db"),
        ("Server=db;Password=¤;Timeout=5", ";Timeout=5"),
        ("{Username:bob Password:¤ Port:1}", " Port:1}"),
        ("map[user:bob password:¤]", "]"),
        ("https://x/cb?access_token=¤&state=1", "&state=1"),
        (r#"{"apiKey":"¤","x":1}"#, r#"","x":1}"#),
        (r#"{"client_secret" : "¤"}"#, r#""}"#),
        (r#"{\"client_secret\":\"¤\",\"x\":1}"#, r#"\",\"x\":1}"#),
        (r#"{\\\"client_secret\\\":\\\"¤\\\"}"#, r#"\\\"}"#),
        ("{'password': '¤', 'x': 1}", "', 'x': 1}"),
        ("password => \"¤\"", "\""),
        ("token := \"¤\"", "\""),
        ("run --db-password=¤ --verbose", " --verbose"),
        ("run --token ¤ --verbose", " --verbose"),
        ("run -token \"¤\" x", "\" x"),
        (r#"["run","--api-key","¤","x"]"#, r#"","x"]"#),
        ("DB_PASSWORD: ¤", ""),
        ("  - db_password: ¤ # the old one", " # the old one"),
        ("2026-11-22T15:42:00Z   client-secret: ¤", ""),
        (r#"{"msg":"a: b\npassword: ¤\nc: d"}"#, r#"\nc: d"}"#),
        (r"x\tpassword=¤\ty", r"\ty"),
        ("export API_KEY=¤", ""),
        ("login with password: ¤", ""),
        ("<password>¤</password>", "</password>"),
        (r#"{"name":"DB_PASSWORD","value":"¤"}"#, r#""}"#),
        (r#"{\"name\":\"DB_PASSWORD\",\"value\":\"¤\"}"#, r#"\"}"#),
        (r#"{"passwords":["¤"]}"#, r#""]}"#),
        ("passphrase: ¤", ""),
        ("pwd=¤", ""),
        ("my.app.credentials=¤", ""),
        ("aws_secret_access_key = ¤", ""),
        ("privateKey=¤", ""),
        ("Using password '¤' for bob", "' for bob"),
        ("cb%3Faccess_token%3D¤%26state%3D1", "%26state%3D1"),
        ("session_key=¤ auth-key=¤ signingKey=¤", ""),
    ] {
        let text = text.replace('¤', secret);
        let clean = replaces(&text, &[secret], "named-secret");
        assert!(clean.ends_with(left), "{clean}");
    }
    let registry = base64(b"bob:halibut");
    replaces(&format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{registry}"}}}}}}"#), &[&registry], "named-secret");
    replaces(&format!(r#"{{\"auth\":\"{registry}\"}}"#), &[&registry], "named-secret");
    replaces("the password is hunter2.", &["hunter2"], "named-secret");
    replaces("using token: abc123def456 for x", &["abc123def456"], "named-secret");
    replaces(r#"{"password":"pass word with \"quotes\" and \\"}"#, &["pass word", "quotes", "and"], "named-secret");
    replaces("password=a,b;c&d)e]f}g>h<i", &["a,b", "c&d", "h<i"], "named-secret");
    replaces("password=\"cut off in the middle", &["cut", "middle"], "named-secret");
    replaces("- name: DB_PASSWORD\n  value: halibut\n- name: X\n  value: plain\n", &[secret], "named-secret");
    let clean = replaces("password: |\n  hali\n  but\nother: |\n  stays\n", &["hali", "but"], "named-secret");
    assert!(clean.ends_with("\nother: |\n  stays\n"), "{clean}");
}

#[test]
fn names_on_long_lines() {
    for name in ["password", "secretsBase64", "tokensB64", "apiKeysOld", "db_credentials", "keyPassphrase"] {
        replaces(&format!("{name}=halibut {}", "and more ".repeat(40)), &["halibut"], "named-secret");
    }
}

#[test]
fn private_members_of_web_keys() {
    let secret = base64url(&noise(3, 32));
    let public = base64url(&noise(4, 32));
    for text in [
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{public}","d":"{secret}"}}"#),
        format!(r#"{{"d":"{secret}","x":"{public}","kty":"EC"}}"#),
        format!(r#"{{\"kty\":\"OKP\",\"d\":\"{secret}\",\"x\":\"{public}\"}}"#),
        format!(r#"{{"keys":[{{"kty":"oct","k":"{secret}"}},{{"kty":"EC","x":"{public}"}}]}}"#),
        format!(
            r#"{{"kty":"RSA","n":"{public}","e":"AQAB","d":"{secret}","p":"{secret}","q":"{secret}","dp":"{secret}","dq":"{secret}","qi":"{secret}"}}"#
        ),
    ] {
        let clean = replaces(&text, &[&secret], "jwk");
        assert!(clean.contains(&public), "{clean}");
    }
}

#[test]
fn tokens_of_another_key_stay() {
    let token = "<named-secret:0123456789abcdef0123>";
    for text in [
        format!("password={token}"),
        format!(r#"{{"password":"{token}","x":1}}"#),
        format!("Authorization: Bearer {token}"),
        format!("postgres://bob:{token}@db/x"),
        format!("--token {token}"),
        format!("DB_PASSWORD: {token}"),
        format!("-----BEGIN PRIVATE KEY-----\n{token}\n-----END PRIVATE KEY-----\n"),
        format!("a secret {token} here"),
    ] {
        assert_eq!(redacted(&text), text);
    }
}

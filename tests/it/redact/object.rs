//! Objects: what structure tells.

use super::{
    hex, redacted, redactor,
    samples::{CERTIFICATE, base64, jws, jws_parts, private_pem, word},
};
use serde_json::{Value, json};

fn redact(object: &Value) -> (Value, String) {
    let (clean, counts) = redactor().object(object.clone());
    let (again, none) = redactor().object(clean.value().clone());
    assert_eq!(again.value(), clean.value(), "not stable");
    assert!(none.is_empty(), "{none:?}");
    assert_eq!(counts.is_empty(), clean.value() == object);
    let text = clean.value().to_string();
    assert_eq!(clean.to_clean().as_bytes(), text.as_bytes());
    (clean.into_value(), text)
}

#[track_caller]
fn keeps(object: &Value) {
    assert_eq!(&redact(object).0, object);
}

#[track_caller]
fn is_token(value: &Value, rule: &str) {
    let text = value.as_str().expect("a string");
    assert!(text.starts_with(&format!("<{rule}:")) && text.ends_with('>'), "{text}");
}

#[test]
fn variables_and_arguments() {
    let secret = "halibut";
    let (clean, text) = redact(&json!({
        "kind": "Pod",
        "spec": {"containers": [{
            "name": "server",
            "image": "ghcr.io/spirl/spirl-server:v0.38.0",
            "env": [
                {"name": "DB_PASSWORD", "value": secret},
                {"name": "LOG_LEVEL", "value": "debug"},
                {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}},
                {"name": "KEY_ID", "value": "key-2026-01"},
            ],
            "args": ["--token=halibut", "--token", secret, "--verbose", "--password=hali but", "--log-level", "debug"],
            "command": ["sh", "-c", "run --db-password halibut --x && curl -H 'Authorization: Bearer halibut' x"],
            "livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": "Bearer halibut"}, {"name": "X-Api-Key", "value": secret}]}},
        }]},
    }));
    assert!(!text.contains("hali"), "{text}");
    let container = &clean["spec"]["containers"][0];
    is_token(&container["env"][0]["value"], "named-secret");
    assert_eq!(container["env"][1]["value"], "debug");
    assert_eq!(container["env"][2]["valueFrom"]["secretKeyRef"], json!({"name": "api", "key": "token"}));
    assert_eq!(container["env"][3]["value"], "key-2026-01");
    is_token(&container["args"][2], "named-secret");
    assert_eq!(container["args"][3], "--verbose");
    assert_eq!(container["args"][6], "debug");
}

#[test]
fn managed_fields_are_in_the_text_as_they_came_but_for_secrets() {
    let listed = |fields: &str| {
        let object =
            json!({ "kind": "Pod", "metadata": { "managedFields": [{ "manager": "helm" }], "name": "a" }, "spec": {} });
        let managed = format!(r#"[{{"manager":"helm","fieldsV1":{{"f:spec":{{{fields}}}}}}}]"#);
        let raw = serde_json::value::RawValue::from_string(managed.clone()).expect("JSON");
        let (clean, counts) = redactor().object_with_managed_fields(object, Some(raw));
        let json = String::from_utf8(clean.to_clean().as_bytes().to_vec()).expect("text");
        let yaml = redactor().yaml(&clean).0.as_str_lossy().into_owned();
        assert_eq!(yaml, "kind: Pod\nmetadata:\n  managedFields:\n  - manager: helm\n  name: a\nspec: {}\n");
        (managed, json, counts)
    };
    let (managed, json, counts) = listed(r#""f:password":{},"k:{\"name\":\"API_TOKEN\"}":{".":{},"f:value":{}}"#);
    assert_eq!(json, format!(r#"{{"kind":"Pod","metadata":{{"managedFields":{managed},"name":"a"}},"spec":{{}}}}"#));
    assert!(counts.is_empty(), "{counts:?}");
    // The items of a set are names of fields, too.
    let token = jws();
    let (_, json, counts) = listed(&format!(r#""f:allowed":{{"v:\"{token}\"":{{}}}}"#));
    let signature = token.rsplit('.').next().expect("a signature");
    assert!(!json.contains(signature) && counts.total() == 1, "{json}");
    let value: Value = serde_json::from_str(&json).expect("JSON still");
    assert_eq!(value["metadata"]["managedFields"][0]["manager"], "helm");
    // What is a secret by the set's name alone has no text that could be told.
    for (fields, is_kept) in [
        (r#""f:finalizers":{".":{},"v:\"a\"":{}},"f:tokens":{}"#, true),
        (r#""f:tokens":{".":{},"v:\"plain-9f2\"":{},"v:\"b\"":{}}"#, false),
    ] {
        let (_, json, _) = listed(fields);
        let value: Value = serde_json::from_str(&json).expect("JSON still");
        assert_eq!(value["metadata"]["managedFields"][0].get("fieldsV1").is_some(), is_kept, "{json}");
    }
}

#[test]
fn fields_of_kubernetes_stay() {
    keeps(&json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "tdd-0c9009b3ed-spirl-server-67555d5c56-s9r5q",
            "namespace": "tdd-0c9009b3ed",
            "uid": "6f1d0f0a-5f0f-4b0e-9a51-0a1b2c3d4e5f",
            "resourceVersion": "123456",
            "labels": {"token": "abc123def456", "app.kubernetes.io/name": "spirl-server"},
            "managedFields": [{"manager": "helm", "fieldsV1": {"f:data": {"f:password": {}}}}],
        },
        "spec": {
            "automountServiceAccountToken": true,
            "imagePullSecrets": [{"name": "regcred-abc123"}],
            "serviceAccountName": "token-issuer-1a2b3c",
            "tokenSecretName": "abc123def456",
            "volumes": [
                {"name": "tls", "secret": {"secretName": "tls-abc123def456", "defaultMode": 420, "items": [{"key": "tls.key", "path": "tls.key"}]}},
                {"name": "t", "projected": {"sources": [
                    {"serviceAccountToken": {"audience": "spirl-abc123", "expirationSeconds": 3607, "path": "token"}},
                    {"secret": {"name": "abc123def456", "items": [{"key": "a", "path": "b"}]}},
                ]}},
                {"name": "csi", "csi": {"driver": "csi.spiffe.io", "nodePublishSecretRef": {"name": "abc123def456"}}},
            ],
            "containers": [{"envFrom": [{"secretRef": {"name": "abc123def456"}}], "image": "example/token:v1.2.3@sha256:0123"}],
        },
        "status": {"conditions": [{"type": "Ready", "reason": "SecretNotFound", "message": "secret \"db\" not found"}]},
    }));
    keeps(&json!({"kind": "ServiceAccount", "secrets": [{"name": "default-token-abc12"}]}));
    keeps(
        &json!({"spec": {"privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}, "secretName": "abc123def456"}}),
    );
    keeps(&json!({"clientConfig": {"caBundle": base64(CERTIFICATE.as_bytes())}}));
}

#[test]
fn secrets_given_by_accident() {
    let (clean, text) = redact(&json!({
        "kind": "Secret", "metadata": {"name": "db"}, "type": "Opaque",
        "data": {"user": "Ym9i", "a": {"b": "c3dvcmRmaXNo"}}, "stringData": {"x": "halibut"},
    }));
    assert_eq!(clean["metadata"]["name"], "db");
    is_token(&clean["data"]["user"], "secret-data");
    assert!(!text.contains("c3dv") && !text.contains("hali"), "{text}");
    let (_, text) =
        redact(&json!({"kind": "SecretList", "items": [{"metadata": {"name": "db"}, "data": {"user": "Ym9i"}}]}));
    assert!(!text.contains("Ym9i"), "{text}");
    let (_, text) = redact(&json!({"kind": "List", "items": [{"kind": "Secret", "data": {"user": "Ym9i"}}]}));
    assert!(!text.contains("Ym9i"), "{text}");
}

#[test]
fn config_maps() {
    let pem = private_pem();
    let (clean, text) = redact(&json!({
        "kind": "ConfigMap",
        "data": {
            "config.yaml": "log: debug\ndb:\n  password: halibut\n  host: db\n",
            "app.json": "{\n  \"apiKey\": \"halibut\",\n  \"x\": 1\n}\n",
            "password": "halibut",
            "token.txt": "halibut",
            "tls.key": pem,
            "ca.crt": CERTIFICATE,
            "plain": "nothing here",
        },
        "binaryData": {"blob": "c3dvcmRmaXNo"},
    }));
    assert!(!text.contains("halibut") && !text.contains("c3dv"), "{text}");
    let config = clean["data"]["config.yaml"].as_str().expect("text");
    assert!(
        config.starts_with("log: debug\ndb:\n  password: <named-secret:") && config.ends_with(">\n  host: db\n"),
        "{config}"
    );
    let app = clean["data"]["app.json"].as_str().expect("text");
    assert!(app.starts_with("{\n  \"apiKey\": \"<named-secret:") && app.ends_with("\n}\n"), "{app}");
    assert_eq!(clean["data"]["ca.crt"], CERTIFICATE);
    is_token(&clean["data"]["token.txt"], "named-secret");
    is_token(&clean["binaryData"]["blob"], "binary-data");
    assert!(clean["data"]["tls.key"].as_str().expect("text").contains("<private-key:"));
}

#[test]
fn json_within_strings() {
    let inner = json!({"db": {"password": "halibut", "port": 5432}, "n": [1, 2.5, null]});
    let (clean, text) = redact(&json!({
        "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": inner.to_string(),
            "example.org/config": json!({"deep": inner.to_string()}).to_string(),
            "example.org/api-token": "halibut",
            "example.org/plain": "{not json",
        }},
    }));
    assert!(!text.contains("halibut"), "{text}");
    let annotations = &clean["metadata"]["annotations"];
    is_token(&annotations["kubectl.kubernetes.io/last-applied-configuration"], "last-applied");
    let config: Value =
        serde_json::from_str(annotations["example.org/config"].as_str().expect("a string")).expect("JSON still");
    let deep: Value = serde_json::from_str(config["deep"].as_str().expect("a string")).expect("JSON still");
    assert_eq!(deep["db"]["port"], 5432);
    assert_eq!(deep["n"], inner["n"]);
    is_token(&deep["db"]["password"], "named-secret");
    // A name that is there twice must not hide a value.
    let (_, text) = redact(&json!({"x": r#"{"token":"abc123def456","token":""}"#}));
    assert!(!text.contains("abc123def456"), "{text}");
}

#[test]
fn numbers_in_json_within_strings() {
    let own = json!({"max_tokens": 4096, "token_ttl": 3600, "key_size": 2048, "port": 5432, "token": 83914726, "pin": 12345678, "secret": 2.5});
    let inner = json!({"db": {"password": 83914726}, "passwords": [83914726, 12], "own": own});
    let (clean, text) = redact(&json!({
        "kind": "ConfigMap",
        "metadata": {"annotations": {"example.org/config": json!({"deep": inner.to_string()}).to_string()}},
        "data": {"app.json": inner.to_string(), "list.json": "[{\"DB_PASSWORD\": 83914726}]\n"},
        "password": 83914726,
    }));
    // The object's own numbers have types that a string would not fit.
    assert_eq!(clean["password"], 83914726);
    let parsed =
        |text: &Value| -> Value { serde_json::from_str(text.as_str().expect("a string")).expect("JSON still") };
    let deep = parsed(&parsed(&clean["metadata"]["annotations"]["example.org/config"])["deep"]);
    let log = redacted(r#"{"password":83914726}"#);
    for document in [&parsed(&clean["data"]["app.json"]), &deep] {
        is_token(&document["db"]["password"], "named-secret");
        assert_eq!(hex(document["db"]["password"].as_str().expect("a token")), hex(&log));
        assert_eq!(document["passwords"][0], document["db"]["password"]);
        assert_eq!(document["passwords"][1], 12);
        assert_eq!(document["own"], own);
    }
    assert_eq!(text.matches(hex(&log)).count(), 5, "{text}");
    // Parsing rounds what has more digits than a type.
    let (_, text) = redact(&json!({"app.json": format!(r#"{{"password":{}}}"#, "83914726".repeat(4))}));
    assert!(!text.contains("8391") && !text.contains("8.391"), "{text}");
    // What stays in an object stays in a log.
    assert_eq!(redacted(&own.to_string()), own.to_string());
}

#[test]
fn custom_resources() {
    let secret = word(5, 20);
    let (clean, text) = redact(&json!({
        "kind": "Gateway",
        "spec": {"clientSecret": secret, "joinToken": secret, "auth": {"apiKey": secret, "tokenTTL": "5m"}, "keys": [{"kty": "oct", "k": secret, "kid": "a"}],
                 "credentials": {"value": secret, "username": "bob"}, "tokens": [secret], "count": 3},
        "status": {"message": format!("cannot reach https://bob:{secret}@host/, password={secret}"), "jwt": jws()},
    }));
    assert!(!text.contains(&secret), "{text}");
    assert_eq!(clean["spec"]["auth"]["tokenTTL"], "5m");
    assert_eq!(clean["spec"]["credentials"]["username"], "bob");
    assert_eq!(clean["spec"]["count"], 3);
    let [header, claims, _] = jws_parts();
    assert!(clean["status"]["jwt"].as_str().expect("text").starts_with(&format!("{header}.{claims}.<jws-signature:")));
}

#[test]
fn a_quota_counts_secrets_and_holds_none() {
    let amounts = json!({"secrets": "1M", "count/secrets": "10", "requests.cpu": "500m", "limits.memory": "1.5Gi"});
    keeps(&json!({"kind": "ResourceQuota", "spec": {"hard": amounts}, "status": {"hard": amounts, "used": amounts}}));
    let secret = word(5, 20);
    for used in [json!({"secrets": secret}), json!({"password": "8675309"}), json!({"recoveryCode": "1234-5678-9012"})]
    {
        let (clean, text) = redact(&json!({ "kind": "Vault", "used": used }));
        assert!(!text.contains(&secret) && clean["used"]["password"] != "8675309", "{text}");
    }
}

#[test]
fn names_numbers_and_structure_stay() {
    let secret = word(6, 20);
    let object = json!({"password=abc": 1, (secret.clone()): {"password": 12345, "token": null, "secret": true}, "list": [[], {}, ""]});
    keeps(&object);
}

#[test]
fn deep_nesting() {
    let mut object = json!({"password": "halibut"});
    for _ in 0..500 {
        object = json!([{ "a": object }]);
    }
    let (clean, _) = redactor().object(object);
    assert!(!clean.value().to_string().contains("halibut"));
    let mut text = r#"{"password":"halibut"}"#.to_owned();
    for _ in 0..8 {
        text = json!({ "a": text }).to_string();
    }
    let (clean, _) = redactor().object(Value::String(text));
    assert!(!clean.value().to_string().contains("halibut"));
}

//! What stays as it was, byte for byte.

use super::{
    redacted, redactor,
    samples::{CERTIFICATE, PUBLIC_KEY, REQUEST, base64, bodies, der_digits, hex, word},
};

#[track_caller]
fn keeps(text: &str) {
    assert_eq!(redacted(text), text);
}

#[test]
fn identities() {
    keeps(r#"{"spiffe_id":"spiffe://example.org/ns/default/sa/web","msg":"issued for spiffe://example.org/a/b"}"#);
    keeps("token for spiffe://example.org/ns/default/sa/web was refused");
    keeps(r#"{"token_subject":"spiffe://td.example/web","secret":"spiffe://td.example/web"}"#);
}

#[test]
fn trace_and_span_ids() {
    keeps(&format!(r#"{{"trace_id":"{}","span_id":"{}"}}"#, hex(1, 32), hex(2, 16)));
    keeps(&format!("traceparent: 00-{}-{}-01", hex(1, 32), hex(2, 16)));
}

#[test]
fn ids_and_aliases_of_keys() {
    keeps(&format!(
        r#"{{"key_id":"{0}","keyId":"{0}","kid":"{0}","key_alias":"alias/{0}","signing_key_id":"{0}"}}"#,
        word(3, 24)
    ));
    keeps("key_id=ks_01h2xcejqtf2nbrexx3vqjhp41 kid=A1B2C3 key-alias=alias/spirl-prod");
    keeps(r#"{"keyset":"ks_8f3a2b","deployment":"tdd-0c9009b3ed","td":"td-rf1xf5jtqd","key":"sak-0a1b2c3d4e"}"#);
    keeps(r#"{"signing_key":"ks_8f3a2b","wrapping_key":"alias/spirl-prod","auth_key":"sak-0a1b2c3d4e"}"#);
}

#[test]
fn key_manager_names() {
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    keeps(&format!(
        r#"{{"key":"arn:aws:kms:us-east-1:111122223333:key/{id}","signing_key":"arn:aws:kms:us-east-1:111122223333:key/{id}"}}"#
    ));
    keeps(&format!("kms key arn:aws:kms:us-east-1:111122223333:key/{id} region us-east-1"));
    keeps("signing_key=awskms:///alias/spirl-prod wrapping_key=projects/p/locations/l/keyRings/r/cryptoKeys/k");
}

#[test]
fn numbers_of_certificates() {
    keeps(
        r#"{"serial":"311409277342346274350238174712345","serial_number":"3a:f1:00:9c:de","ski":"9f:86:d0:81","aki":"9F86D081884C7D65"}"#,
    );
    keeps(&format!("SHA256:{} and {}", word(4, 43), "9f:86:d0:81:88:4c:7d:65:9a:2f:ea:a0:c5:5a:d0:15"));
    keeps("X509v3 Authority Key Identifier: keyid:9F:86:D0:81:88:4C:7D:65");
    keeps("Subject Key Identifier: 9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B");
    keeps(&format!("token=SHA256:{}", word(4, 43)));
}

#[test]
fn what_is_public_of_a_key() {
    for pem in [CERTIFICATE, REQUEST, PUBLIC_KEY] {
        keeps(pem);
        keeps(&pem.replace('\n', "\\n"));
        keeps(&pem.replace('\n', "\\\\n"));
        keeps(&format!(r#"{{"msg":"{}","svid":"{}"}}"#, pem.replace('\n', "\\n"), der_digits(pem)));
        keeps(&der_digits(pem));
        keeps(&base64(pem.as_bytes()));
        keeps(&base64(format!(" {pem}").as_bytes()));
        keeps(&base64(format!("  {pem}{CERTIFICATE}").as_bytes()));
        keeps(&format!("token_signing_cert={}", base64(pem.as_bytes())));
        keeps(&format!(r#"{{"secret":"{}"}}"#, pem.replace('\n', "\\n")));
        keeps(&format!(r#"{{"secret":"{}"}}"#, base64(pem.as_bytes())));
        let logged: Vec<_> = pem.lines().map(|line| format!("2026-11-22T15:42:00.123456789Z {line}")).collect();
        keeps(&logged.join("\n"));
        assert!(!bodies(pem).is_empty());
    }
}

#[test]
fn public_web_keys() {
    keeps(&format!(
        r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"a","use":"jwt-svid","x":"{}","y":"{}"}}]}}"#,
        word(1, 43),
        word(2, 43)
    ));
    keeps(&format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#, word(1, 342)));
}

#[test]
fn digests_and_uids() {
    keeps(&format!("ghcr.io/spirl/spirl-server:v0.38.0@sha256:{}", hex(5, 64)));
    keeps(&format!("registry.example:5000/token-service:v1.2.3@sha256:{}", hex(5, 64)));
    keeps("Pulling image \"example/vault-token:1.2.3\" and \"org/my-secret:latest\"");
    keeps("pod 6f1d0f0a-5f0f-4b0e-9a51-0a1b2c3d4e5f deleted");
}

#[test]
fn codes_and_checks() {
    keeps(r#"{"grpc.code":"Unauthenticated","grpc.service":"spirl.TokenService","grpc.method":"IssueToken","code":7}"#);
    keeps("status_code: auth_failed, reason=attestation_failed");
    keeps("status_code=auth_failed error=invalid_public_key invalid_public_key: x");
    keeps(
        r#"{"logger":"server.readyChecker","checks":{"jwtKeyCache":"ok","jwksCache":"ok","keyManager":"ready","secretStore":"ready"}}"#,
    );
    keeps("rpc error: code = Unauthenticated desc = token: signature is invalid");
    keeps("rpc error: code = PermissionDenied desc = invalid token: x509: certificate signed by unknown authority");
}

#[test]
fn names_of_resources() {
    keeps("tdd-0c9009b3ed-spirl-server-67555d5c56-s9r5q");
    keeps(r#"{"secrets":["tdd-0c9009b3ed-db","regcred-a1b2c3"]}"#);
    keeps("Tokens:              default-token-abc12\nImage pull secrets:  regcred-a1b2c3");
    keeps(r#"secret "tdd-0c9009b3ed-controlplane-key" not found"#);
    keeps("couldn't find key password in Secret tdd-0c9009b3ed/db");
    keeps(
        "MountVolume.SetUp failed for volume \"kube-api-access-s9r5q\" : failed to fetch token: the server could not find the requested resource",
    );
}

#[test]
fn lines_of_logs() {
    keeps("2026-11-22T15:42:00.123456789Z {\"level\":\"warn\",\"ts\":1764183280.812596,\"msg\":\"token expired\"}");
    keeps("2026-11-22T15:42:00.123456789Z INFO server.agentServer session token rejected or expired");
    keeps("2026-11-22T15:42:00Z ERROR failed to fetch token: connection refused");
    keeps("2026-11-22T15:42:00Z WARN password: incorrect for user bob");
    keeps("the password is incorrect, the token is not valid, the secret 'db' is there");
    keeps("error getting credentials: exit status 1");
    keeps("failed to verify token: context deadline exceeded");
    keeps("Basic authentication is disabled; Bearer authentication is required");
    keeps(r#"WWW-Authenticate: Bearer realm="https://registry.example/token",service="registry""#);
}

#[test]
fn values_that_are_no_secret() {
    keeps(r#"{"token":null,"password":false,"secret":true,"api_key":12,"passwd":""}"#);
    keeps("password= token=\"\" secret='' api_key=");
    keeps("token=17 token_count=4 tokens: 12 secret=true password=null");
    keeps(r#"{"token_type":"Bearer","tokenExpirationSeconds":"3600","expires":"2026-11-22T15:42:00Z","ttl":"5m0s"}"#);
    keeps("public_key=abcdef0123456789 secret_name=db-credentials token_path=/var/run/secrets/tokens/t");
    keeps("--token-file=/var/run/secrets/token --private-key /etc/tls/tls.key --tls-private-key-file=/x");
    keeps("PASSWORD=$DB_PASSWORD TOKEN=$(cat /token) SECRET=${SECRET}");
    keeps("password=****** token=[REDACTED] secret=<redacted>");
    keeps("      DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false");
}

#[test]
fn bytes_that_are_no_text() {
    let mut bytes = b"before \xff\xfe\x80 after \xc3\x28 \x00\x01\r\n\xf0\x9f".to_vec();
    bytes.extend((0..=255).rev());
    let (clean, counts) = redactor().text(&bytes);
    assert_eq!(clean.as_bytes(), bytes);
    assert!(counts.is_empty());
}

//! Owns logins by OpenID Connect, as client-go has them (`plugin/pkg/client/auth/oidc`): the ID token of the kubeconfig,
//! and a new one for the refresh token. New tokens go into the kubeconfig, because a refresh token may count only once.

use super::{Credential, CredentialError};
use crate::source::{causes, kubernetes::kubeconfig::Oidc};
use base64::Engine as _;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Certificate, Client, Response};
use serde::Deserialize;
use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Most bytes of an answer.
const MOST: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
/// A token counts as expired so long before it does.
const EARLY: TimeDelta = TimeDelta::seconds(10);

#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
}

#[derive(Deserialize)]
struct Metadata {
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    refresh_token: Option<String>,
}

/// The ID token of a login; a new one if that of the kubeconfig was used before. `newest` is the refresh token that the
/// last renewal has brought.
pub(super) async fn id_token(
    login: &Oidc,
    newest: &Mutex<Option<String>>,
    was_used: bool,
) -> Result<Credential, CredentialError> {
    let kept = login.id_token.as_deref().filter(|_| !was_used);
    if let Some(token) = kept {
        let expires = expiry(token)?;
        if Utc::now() + EARLY < expires {
            return Ok(Credential { expires: Some(expires - EARLY), ..Credential::bearer(token)? });
        }
    }
    let failed =
        |why: String| CredentialError(format!("a new ID token could not be obtained from {}: {why}", login.issuer));
    let tokens = refresh(login, newest).await.map_err(failed)?;
    let token = tokens.id_token.ok_or_else(|| failed("the answer has no id_token".to_owned()))?;
    Ok(Credential { expires: Some(expiry(&token)? - EARLY), ..Credential::bearer(&token)? })
}

fn expiry(token: &str) -> Result<DateTime<Utc>, CredentialError> {
    let wrong =
        || CredentialError("the id-token of the kubeconfig's auth-provider is no token with an expiry".to_owned());
    let [_, payload, _] = token.split('.').collect::<Vec<_>>()[..] else { return Err(wrong()) };
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload.trim_end_matches('='));
    let claims: Claims = serde_json::from_slice(&bytes.map_err(|_| wrong())?).map_err(|_| wrong())?;
    // Without one it counts as expired, as for kubectl.
    DateTime::from_timestamp(claims.exp.unwrap_or_default() as i64, 0).ok_or_else(wrong)
}

async fn refresh(login: &Oidc, newest: &Mutex<Option<String>>) -> Result<Tokens, String> {
    let token = newest.lock().unwrap_or_else(PoisonError::into_inner).clone().or_else(|| login.refresh_token.clone());
    let token = token.ok_or("the old one has expired, and the kubeconfig has no refresh-token; log in again")?;
    let client = client(login)?;
    let words = |why: reqwest::Error| causes(&why.without_url()).join(": ");
    let configuration = format!("{}/.well-known/openid-configuration", login.issuer.trim_end_matches('/'));
    let answer = whole(client.get(configuration).send().await.map_err(words)?).await?;
    let Metadata { token_endpoint } =
        serde_json::from_slice(&answer).map_err(|why| format!("its openid-configuration cannot be read: {why}"))?;
    // Some servers take the client's secret only in the header, some only in the body.
    let mut last = String::new();
    for in_header in [true, false] {
        let mut request = client.post(&token_endpoint).body(form(login, &token, in_header));
        request = request.header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if in_header {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(&login.client), Some(encoded(&login.secret)));
        }
        match whole(request.send().await.map_err(words)?).await {
            Ok(answer) => {
                let tokens: Tokens =
                    serde_json::from_slice(&answer).map_err(|_| "its answer has no tokens".to_owned())?;
                let brought = keep(login, &token, &tokens);
                *newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(brought);
                return Ok(tokens);
            }
            Err(why) => last = why,
        }
    }
    Err(last)
}

fn form(login: &Oidc, token: &str, secret_is_in_header: bool) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token);
    if !secret_is_in_header {
        form.append_pair("client_id", &login.client).append_pair("client_secret", &login.secret);
    }
    form.finish()
}

fn client(login: &Oidc) -> Result<Client, String> {
    // Fails only if it was done before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder().timeout(PATIENCE);
    if let Some(authority) = &login.authority {
        let certificates = Certificate::from_pem_bundle(&authority.read()?).map_err(|why| causes(&why).join(": "))?;
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|why| causes(&why).join(": "))
}

async fn whole(mut answer: Response) -> Result<Vec<u8>, String> {
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|why| causes(&why.without_url()).join(": "))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST {
            return Err(format!("it answered more than {MOST} bytes"));
        }
    }
    if status.is_success() { Ok(bytes) } else { Err(format!("it answered {status}")) }
}

/// Keeps new tokens in the kubeconfig, and gives the refresh token that counts now.
fn keep(login: &Oidc, used: &str, tokens: &Tokens) -> String {
    let newest = tokens.refresh_token.as_deref().filter(|token| !token.is_empty()).unwrap_or(used);
    let mut pairs = vec![(used, newest)];
    pairs.extend(login.id_token.as_deref().zip(tokens.id_token.as_deref()));
    // kubectl fails if it cannot write the file. The run goes on: it has a token, and the file's owner may be another.
    let _ = replace(&login.file, &pairs);
    newest.to_owned()
}

/// Replaces texts in a file, and leaves everything else as it is. Takes the lock that kubectl takes.
fn replace(path: &Path, pairs: &[(&str, &str)]) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        std::path::PathBuf::from(name)
    };
    let lock = beside(".lock");
    fs::File::create_new(&lock)?;
    let replaced = || {
        let old = fs::read_to_string(&path)?;
        let new = pairs.iter().fold(old.clone(), |text, (from, to)| text.replace(from, to));
        if new != old {
            let partial = beside(".partial");
            // With its permissions, before it has a content.
            fs::File::create_new(&partial)?.set_permissions(fs::metadata(&path)?.permissions())?;
            fs::write(&partial, new)?;
            fs::rename(&partial, &path)?;
        }
        Ok(())
    };
    let result = replaced();
    fs::remove_file(lock)?;
    result
}

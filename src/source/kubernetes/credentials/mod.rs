//! Owns the credential of a connection: gets it, keeps it, and renews it once for all requests that need a new one.

mod oidc;
mod plugin;
mod token_file;

use super::kubeconfig::{Cluster, Credential as Source};
use crate::source::{SourceError, Stop};
use base64::Engine as _;
use chrono::{DateTime, Utc};
use http::HeaderValue;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What a plugin or a login server may take. It may ask the user to log in.
const LONGEST: Duration = Duration::from_secs(120);
/// A credential is not renewed sooner than this after the last attempt, however often it expires or is refused.
const PAUSE: Duration = Duration::from_secs(10);
/// How long the token of a file counts, as for kubectl.
const TOKEN_FILE: Duration = Duration::from_secs(50);

/// Why there is no credential: for the terminal only, because a plugin's words may name users and paths.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct CredentialError(pub(super) String);

/// What a request is sent with.
#[derive(Default)]
pub(super) struct Credential {
    pub(super) authorization: Option<HeaderValue>,
    /// A client certificate and its key, as PEM.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
    expires: Option<DateTime<Utc>>,
}

impl Credential {
    fn bearer(token: &str) -> Result<Self, CredentialError> {
        let value = header(format!("Bearer {}", token.trim()))?;
        Ok(Self { authorization: Some(value), ..Self::default() })
    }

    fn has_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= Utc::now())
    }

    fn is_like(&self, other: &Self) -> bool {
        self.authorization == other.authorization && self.identity == other.identity
    }
}

fn header(text: String) -> Result<HeaderValue, CredentialError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        CredentialError("the token or password has a character that no HTTP header may have".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The credential of one connection.
pub(super) struct Credentials {
    source: Source,
    cluster: Cluster,
    stop: Stop,
    known: Mutex<Known>,
    renewing: tokio::sync::Mutex<()>,
    /// The newest refresh token of an OpenID Connect login.
    refresh_token: Mutex<Option<String>>,
}

#[derive(Default)]
struct Known {
    credential: Option<Arc<Credential>>,
    /// When it was last obtained, or found to be still the same.
    at: Option<Instant>,
    /// When a renewal has brought what the API server had refused already.
    useless: Option<Instant>,
    /// The last failure, and when it was.
    failure: Option<(Instant, CredentialError)>,
}

impl Credentials {
    pub(super) fn new(source: Source, cluster: Cluster, stop: Stop) -> Arc<Self> {
        Arc::new(Self {
            source,
            cluster,
            stop,
            known: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            refresh_token: Mutex::default(),
        })
    }

    /// The credential for a request.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Arc<Credential>, CredentialError> {
        match self.fresh() {
            Some(credential) => Ok(credential),
            None => self.renew(None).await,
        }
    }

    /// Another credential, after the API server has refused this one; `None` if there is no other.
    pub(super) async fn instead(
        self: &Arc<Self>,
        refused: &Arc<Credential>,
    ) -> Result<Option<Arc<Credential>>, CredentialError> {
        let is_recent = |at: Option<Instant>| at.is_some_and(|at| at.elapsed() < PAUSE);
        let can_renew = match self.source {
            Source::Exec(_) | Source::Oidc(_) => {
                let known = self.known();
                !is_recent(known.useless) && (refused.has_expired() || !is_recent(known.at))
            }
            Source::TokenFile(..) => true,
            _ => false,
        };
        let is_held = self.known().credential.as_ref().is_some_and(|held| Arc::ptr_eq(held, refused));
        if is_held && !can_renew {
            return Ok(None);
        }
        let other = self.renew(Some(refused.clone())).await?;
        if other.is_like(refused) {
            self.known().useless = Some(Instant::now());
            return Ok(None);
        }
        Ok(Some(other))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The credential that is known, if it still counts.
    fn fresh(&self) -> Option<Arc<Credential>> {
        let known = self.known();
        let (credential, age) = (known.credential.as_ref()?, known.at?.elapsed());
        let counts = match self.source {
            Source::TokenFile(..) => age < TOKEN_FILE,
            Source::Exec(_) | Source::Oidc(_) => age < PAUSE || !credential.has_expired(),
            _ => true,
        };
        counts.then(|| credential.clone())
    }

    /// Renews the credential, unless somebody else has done so meanwhile. Goes on when the request that needs it is
    /// given up, because others will need it.
    async fn renew(self: &Arc<Self>, refused: Option<Arc<Credential>>) -> Result<Arc<Credential>, CredentialError> {
        let asked = Instant::now();
        let this = self.clone();
        let renewing = tokio::spawn(async move {
            let _turn = this.renewing.lock().await;
            let is_other = |held: &Arc<Credential>| refused.as_ref().is_none_or(|refused| !Arc::ptr_eq(held, refused));
            if let Some(other) = this.fresh().filter(is_other) {
                return Ok(other);
            }
            if let Some((at, failure)) = &this.known().failure
                && (*at >= asked || at.elapsed() < PAUSE)
            {
                return Err(failure.clone());
            }
            let obtained = this.obtain().await;
            let mut known = this.known();
            known.at = Some(Instant::now());
            match (obtained, known.credential.clone()) {
                (Ok(new), Some(held)) if held.is_like(&new) && held.expires == new.expires => Ok(held),
                (Ok(new), _) => Ok(known.credential.insert(Arc::new(new)).clone()),
                // A file that has gone, or is being written, does not take its token back.
                (Err(_), Some(held)) if matches!(this.source, Source::TokenFile(..)) => Ok(held),
                (Err(failure), _) => {
                    known.failure = Some((Instant::now(), failure.clone()));
                    Err(failure)
                }
            }
        });
        renewing.await.unwrap_or_else(|why| Err(CredentialError(why.to_string())))
    }

    async fn obtain(&self) -> Result<Credential, CredentialError> {
        let obtaining = async {
            match &self.source {
                Source::None => Ok(Credential::default()),
                Source::Token(token) => Credential::bearer(token),
                Source::TokenFile(path, otherwise) => token_file::read(path, otherwise.as_deref()),
                Source::Basic(user, password) => {
                    let packed = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                    Ok(Credential { authorization: Some(header(format!("Basic {packed}"))?), ..Credential::default() })
                }
                Source::Exec(exec) => plugin::run(exec, &self.cluster).await,
                Source::Oidc(login) => {
                    let was_used = self.known().credential.is_some();
                    oidc::id_token(login, &self.refresh_token, was_used).await
                }
            }
        };
        let what = match &self.source {
            Source::Exec(exec) => plugin::name(exec),
            _ => "the login".to_owned(),
        };
        tokio::select! {
            biased;
            obtained = obtaining => obtained,
            reason = self.stop.stopped() => {
                Err(CredentialError(format!("{what} was ended before it answered: {}", SourceError::Stopped(reason))))
            }
            () = tokio::time::sleep(LONGEST) => {
                Err(CredentialError(format!("{what} was ended, because it took longer than {} s; try it by hand", LONGEST.as_secs())))
            }
        }
    }
}

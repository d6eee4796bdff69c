//! Owns the TLS of a connection: whom it trusts and with which certificate it shows itself.
//!
//! The cryptography is AWS-LC's, because ring knows no P-521.

use super::{
    pem,
    verifier::{Anyone, AsGo},
};
use rustls::{
    ClientConfig,
    client::danger::ServerCertVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
};
use std::sync::Arc;

/// The certificates and the key of a TLS client, as PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Material {
    /// The authorities; `None` means the system's.
    pub(super) authority: Option<Vec<u8>>,
    /// The client's certificate and its key.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether any server is trusted.
    pub(super) insecure: bool,
}

/// The configuration of TLS, with this application protocol.
pub(super) fn configuration(material: &Material, protocol: &str) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = verifier(material, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &material.identity {
        Some((certificate, key)) => {
            let identity = identity(certificate, key, &provider)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Ok(config)
}

fn verifier(material: &Material, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    if material.insecure {
        return Ok(Arc::new(Anyone(AsGo::new(Vec::new(), provider.clone()))));
    }
    let Some(authority) = &material.authority else { return system(provider.clone()) };
    let authorities = certificates(authority);
    if authorities.is_empty() {
        return Err("the certificate authorities contain no PEM block CERTIFICATE".to_owned());
    }
    Ok(Arc::new(AsGo::new(authorities, provider.clone())))
}

#[cfg(target_os = "linux")]
fn system(provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    Ok(Arc::new(AsGo::new(super::system::authorities(), provider)))
}

/// The system's own verifier, which knows what its user trusts.
#[cfg(not(target_os = "linux"))]
fn system(provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    rustls_platform_verifier::Verifier::new(provider)
        .map(|verifier| -> Arc<dyn ServerCertVerifier> { Arc::new(verifier) })
        .map_err(|why| format!("the system's certificate authorities cannot be used: {why}"))
}

fn certificates(text: &[u8]) -> Vec<CertificateDer<'static>> {
    pem::certificates(text).map(Into::into).collect()
}

fn identity(certificate: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = certificates(certificate);
    if chain.is_empty() {
        return Err("the client certificate has no PEM block CERTIFICATE".to_owned());
    }
    let key = pem::blocks(key).into_iter().find(|(label, _)| label == "PRIVATE KEY" || label.ends_with(" PRIVATE KEY"));
    let (_, key) = key.ok_or("the client key has no PEM block with an unencrypted PRIVATE KEY")?;
    let key = signing_key(&key, provider)?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err("the client key does not belong to the client certificate".to_owned())
        }
        _ => Ok(identity),
    }
}

/// A key of any form, whatever the label says: Go also tries all of them.
fn signing_key(bytes: &[u8], provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, String> {
    let forms =
        [PrivateKeyDer::Pkcs8(bytes.into()), PrivateKeyDer::Pkcs1(bytes.into()), PrivateKeyDer::Sec1(bytes.into())];
    let mut loaded = forms.into_iter().map(|form| provider.key_provider.load_private_key(form.clone_key()));
    loaded.find_map(Result::ok).ok_or_else(|| {
        "the client key is no RSA key of at least 2048 bits, P-256, P-384, P-521 or Ed25519 key as PKCS#8, PKCS#1 or SEC 1"
            .to_owned()
    })
}

//! Owns which certificates of servers are trusted: those that rustls trusts, and those that only Go trusts.
//!
//! Go's `x509.Certificate.Verify` takes a certificate that is itself among the authorities, and one whose basic
//! constraints say that it is an authority. webpki, which rustls uses, refuses both (UnknownIssuer, CaUsedAsEndEntity).

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::{cell::Cell, sync::Arc};
use webpki::EndEntityCert;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A chain with more authorities is refused.
const LONGEST: usize = 8;
/// Most signatures that are checked for one server, which may send certificates that lead in circles.
const MOST_SIGNATURES: usize = 100;

/// Trusts these authorities as Go does.
#[derive(Debug)]
pub(super) struct AsGo {
    webpki: Option<Arc<WebPkiServerVerifier>>,
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl AsGo {
    /// Trusts these authorities. Those that cannot be read are passed over, as Go does.
    pub(super) fn new(authorities: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        // Without any root, the builder fails.
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().ok();
        Self { webpki, authorities, provider }
    }

    fn is_trusted(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], now: UnixTime) -> Option<()> {
        let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
        is_usable(&parsed, now).then_some(())?;
        self.chain((leaf, 0), others, now, &Cell::new(MOST_SIGNATURES))
    }

    /// Whether a chain of authorities leads from this certificate to one that is trusted.
    fn chain(
        &self,
        (certificate, below): (&CertificateDer<'_>, usize),
        others: &[CertificateDer<'_>],
        now: UnixTime,
        left: &Cell<usize>,
    ) -> Option<()> {
        if self.authorities.contains(certificate) {
            return Some(());
        }
        if below == LONGEST {
            return None;
        }
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        self.authorities.iter().chain(others).find_map(|issuer| {
            let (_, authority) = X509Certificate::from_der(issuer).ok()?;
            let is_issuer = authority.subject().as_raw() == parsed.issuer().as_raw()
                && is_authority(&authority, below)
                && is_usable(&authority, now)
                && left.replace(left.get().saturating_sub(1)) > 0
                && self.has_signed(issuer, &parsed);
            if is_issuer { self.chain((issuer, below + 1), others, now, left) } else { None }
        })
    }

    fn has_signed(&self, issuer: &CertificateDer<'_>, signed: &X509Certificate<'_>) -> bool {
        let Ok(issuer) = EndEntityCert::try_from(issuer) else { return false };
        let (text, signature) = (signed.tbs_certificate.as_ref(), &signed.signature_value.data);
        let algorithms = self.provider.signature_verification_algorithms.all;
        algorithms.iter().any(|algorithm| issuer.verify_signature(*algorithm, text, signature).is_ok())
    }
}

/// Whether it is for servers, within its time, and has no critical extension that is not looked at here.
fn is_usable(certificate: &X509Certificate<'_>, now: UnixTime) -> bool {
    use x509_parser::extensions::ParsedExtension as Parsed;
    let Ok(now) = i64::try_from(now.as_secs()) else { return false };
    let validity = certificate.validity();
    let is_known = |parsed: &Parsed<'_>| {
        matches!(
            parsed,
            Parsed::BasicConstraints(_)
                | Parsed::KeyUsage(_)
                | Parsed::ExtendedKeyUsage(_)
                | Parsed::SubjectAlternativeName(_)
        )
    };
    let usage = certificate.extended_key_usage();
    let is_for_servers = usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.server_auth || usage.value.any));
    is_for_servers
        && (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
        && certificate
            .extensions()
            .iter()
            .all(|extension| !extension.critical || is_known(extension.parsed_extension()))
}

/// Whether it may have issued another certificate, with so many authorities in between. One that constrains names is
/// left to webpki.
fn is_authority(certificate: &X509Certificate<'_>, below: usize) -> bool {
    let Ok(Some(constraints)) = certificate.basic_constraints() else { return false };
    let may_sign =
        certificate.key_usage().ok().is_some_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()));
    let is_short = constraints.value.path_len_constraint.is_none_or(|most| below <= most as usize);
    let names = certificate.name_constraints();
    constraints.value.ca && may_sign && is_short && names.is_ok_and(|names| names.is_none())
}

impl ServerCertVerifier for AsGo {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let verified = self
            .webpki
            .as_ref()
            .map_or_else(|| Err(unknown()), |webpki| webpki.verify_server_cert(leaf, others, name, ocsp, now));
        verified.or_else(|error| {
            self.is_trusted(leaf, others, now).ok_or(error)?;
            verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
            Ok(ServerCertVerified::assertion())
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Trusts every certificate: `insecure-skip-tls-verify`. The server must still have the certificate's key.
#[derive(Debug)]
pub(super) struct Anyone(pub(super) AsGo);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

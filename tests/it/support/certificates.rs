//! Owns certificates for tests: authorities, servers and clients, with keys of any algorithm.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SignatureAlgorithm,
};

/// A certificate and its key.
pub(crate) struct Pair {
    /// PEM.
    pub(crate) certificate: String,
    /// PEM, as PKCS#8.
    pub(crate) key: String,
    issuer: Option<Issuer<'static, KeyPair>>,
}

impl Pair {
    /// An authority that has signed itself.
    pub(crate) fn authority(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { certificate, key: key.serialize_pem(), issuer: Some(Issuer::new(params, key)) }
    }

    /// A certificate that has signed itself, and is an authority or not.
    pub(crate) fn alone(hosts: &[&str], is_authority: bool) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = params("alone", hosts);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        Self {
            certificate: params.self_signed(&key).expect("a certificate").pem(),
            key: key.serialize_pem(),
            issuer: None,
        }
    }

    /// A server's certificate, signed by this authority.
    pub(crate) fn server(&self, hosts: &[&str], algorithm: &'static SignatureAlgorithm) -> Self {
        self.signed(params("server", hosts), ExtendedKeyUsagePurpose::ServerAuth, algorithm)
    }

    /// A server's certificate that says of itself that it is an authority.
    pub(crate) fn server_as_authority(&self, hosts: &[&str]) -> Self {
        let mut params = params("server", hosts);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        self.signed(params, ExtendedKeyUsagePurpose::ServerAuth, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// The same, long ago.
    pub(crate) fn expired(&self, hosts: &[&str]) -> Self {
        let mut params = params("server", hosts);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.signed(params, ExtendedKeyUsagePurpose::ServerAuth, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// A client's certificate, signed by this authority.
    pub(crate) fn client(&self, name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        self.signed(params(name, &[]), ExtendedKeyUsagePurpose::ClientAuth, algorithm)
    }

    /// An authority, signed by this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.signed_by(&key, self.issuer()).expect("a certificate").pem();
        Self { certificate, key: key.serialize_pem(), issuer: Some(Issuer::new(params, key)) }
    }

    fn issuer(&self) -> &Issuer<'static, KeyPair> {
        self.issuer.as_ref().expect("an authority")
    }

    fn signed(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
        algorithm: &'static SignatureAlgorithm,
    ) -> Self {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(&key, self.issuer()).expect("a certificate").pem();
        Self { certificate, key: key.serialize_pem(), issuer: None }
    }
}

/// Hosts that are IP addresses become IP SANs.
fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

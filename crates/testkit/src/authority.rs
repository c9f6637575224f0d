//! A certificate authority for servers and clients of tests.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::client_certificate;

/// A certificate authority that lives as long as a test does.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    name: String,
}

/// A certificate and its private key, both as PEM.
#[derive(Clone)]
pub struct Leaf {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// Makes an authority of this common name.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = params(name)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate()?).context("make an authority")?;
        Ok(Self { issuer, name: name.to_owned() })
    }

    /// The authority's own certificate as PEM, for those who shall trust it.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// Issues a certificate for a server on loopback that is also known by `names`.
    pub fn issue_server(&self, names: &[&str]) -> Result<Leaf> {
        let mut params = params(names.first().unwrap_or(&"localhost"))?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        for name in ["localhost"].iter().chain(names) {
            params.subject_alt_names.push(SanType::DnsName((*name).try_into()?));
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer).context("issue a server's certificate")?;
        Ok(Leaf { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Issues a certificate by which Kubernetes knows its bearer as `user`, a member of `groups`.
    pub fn issue_client(&self, user: &str, groups: &[&str]) -> Result<Leaf> {
        let key = KeyPair::generate()?;
        let certificate = client_certificate::issue(&self.name, self.issuer.key(), &key, user, groups)?;
        Ok(Leaf { certificate, key: key.serialize_pem() })
    }
}

/// What all certificates have in common. The dates are far, since tests turn clocks.
fn params(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    Ok(params)
}

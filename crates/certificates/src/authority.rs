//! An authority of our own, and the leaves that it issues.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use x509_parser::parse_x509_certificate;

use crate::verdict::{Reason, Validity, Verdict};

/// How long an authority lives.
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// How long a leaf lives.
const LEAF_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How far back a certificate begins, so that it is believed by clocks that are up to a day behind ours.
const BACKDATED: SignedDuration = SignedDuration::from_hours(25);

/// The name in the authority's certificate.
const NAME: &str = "tagger webhook authority";

/// Why a certificate can't be made or read.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The certificate is no certificate of an authority.
    #[error("the authority's certificate can't be read: {0}")]
    Certificate(String),
    /// The key is no key.
    #[error("the authority's key can't be read: {0}")]
    Key(rcgen::Error),
    /// The key is another certificate's.
    #[error("the authority's key is not the one of its certificate")]
    OtherKey,
    /// A name that a leaf is wanted for is none.
    #[error("a certificate for {names:?} can't be made: {source}; give DNS names or IP addresses")]
    Names {
        /// The names.
        names: Vec<String>,
        /// What is wrong.
        source: rcgen::Error,
    },
    /// Making or signing failed.
    #[error("a certificate can't be made: {0}")]
    Make(#[from] rcgen::Error),
    /// TLS has no use for what was made.
    #[error("a certificate can't be served: {0}")]
    Serve(#[from] rustls::Error),
    /// The time is beyond what a certificate can say.
    #[error("a certificate can't be made for {0}: set the clock right")]
    Clock(Timestamp),
}

/// An authority of our own: a certificate, and the key that issues others.
pub struct Authority {
    certificate: String,
    validity: Validity,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("validity", &self.validity).finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new one.
    pub fn generate(now: Timestamp) -> Result<Self, AuthorityError> {
        let mut params = params(now, AUTHORITY_LIFE, CertificateParams::default())?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?.pem();
        Self::load(&certificate, &key.serialize_pem())
    }

    /// Reads one that was made before. The key must be the certificate's own.
    pub fn load(certificate: &str, key: &str) -> Result<Self, AuthorityError> {
        let wrong = |why: String| AuthorityError::Certificate(why);
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| wrong(error.to_string()))?;
        let (_, parsed) = parse_x509_certificate(&der).map_err(|error| wrong(error.to_string()))?;
        if !parsed.is_ca() {
            return Err(wrong("it is no authority's".into()));
        }
        let key = KeyPair::from_pem(key).map_err(AuthorityError::Key)?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(AuthorityError::OtherKey);
        }
        let validity = validity_of(&der).map_err(wrong)?;
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { certificate: certificate.trim().to_owned() + "\n", validity, issuer })
    }

    /// The certificate, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The key, as PEM.
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// The time in which it is good.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Issues a certificate for a server with these names, which are DNS names or IP addresses.
    pub fn issue(&self, names: &[String], now: Timestamp) -> Result<Leaf, AuthorityError> {
        let bare = CertificateParams::new(names)
            .map_err(|source| AuthorityError::Names { names: names.to_vec(), source })?;
        let mut params = params(now, LEAF_LIFE, bare)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let der = certificate.der().clone();
        let validity = validity_of(&der).map_err(AuthorityError::Certificate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(key)?;
        Ok(Leaf {
            certified: Arc::new(CertifiedKey::new(vec![der], key)),
            names: names.to_vec(),
            issuer: self.certificate.clone(),
            validity,
        })
    }
}

/// A server's certificate, ready to be served.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The certificate and its key.
    pub certified: Arc<CertifiedKey>,
    /// The names that it is for.
    pub names: Vec<String>,
    /// The certificate of the authority that issued it, as PEM.
    pub issuer: String,
    /// The time in which it is good.
    pub validity: Validity,
}

impl Leaf {
    /// Judges a server's certificate, or the lack of one: whether this authority issued it for these names, and its time.
    pub fn judge(leaf: Option<&Self>, authority: &Authority, names: &[String], now: Timestamp) -> Verdict {
        match leaf {
            None => Verdict::Renew(Reason::Missing),
            Some(leaf) if leaf.issuer != authority.certificate => Verdict::Renew(Reason::OtherAuthority),
            Some(leaf) if leaf.names != names => Verdict::Renew(Reason::OtherNames),
            Some(leaf) => leaf.validity.judge(now),
        }
    }
}

/// The time in which a certificate is good.
pub fn validity_of(certificate: &CertificateDer<'_>) -> Result<Validity, String> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    let moment = |second| Timestamp::from_second(second).map_err(|error| error.to_string());
    let validity = parsed.validity();
    Ok(Validity {
        not_before: moment(validity.not_before.timestamp())?,
        not_after: moment(validity.not_after.timestamp())?,
    })
}

fn params(
    now: Timestamp,
    life: SignedDuration,
    mut params: CertificateParams,
) -> Result<CertificateParams, AuthorityError> {
    let wrong = || AuthorityError::Clock(now);
    let moment =
        |moment: Timestamp| OffsetDateTime::from_unix_timestamp(moment.as_second()).map_err(|_| wrong());
    let not_before = now.checked_sub(BACKDATED).map_err(|_| wrong())?;
    params.not_before = moment(not_before)?;
    params.not_after = moment(not_before.checked_add(life).map_err(|_| wrong())?)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn days(days: i64) -> Timestamp {
        now() + SignedDuration::from_hours(24 * days)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_authority_is_read_as_it_was_written() {
        let authority = Authority::generate(now()).unwrap();
        let read = Authority::load(authority.certificate(), &authority.key()).unwrap();
        assert_eq!(read.certificate(), authority.certificate());
        assert_eq!(read.validity(), authority.validity());
        assert_eq!(read.validity().judge(days(365 * 6)), Verdict::Keep);
        assert!(matches!(read.validity().judge(days(365 * 7)), Verdict::Renew(Reason::Aged(_))));
    }

    #[test]
    fn an_authority_whose_parts_do_not_fit_is_not_read() {
        let [one, other] = [(); 2].map(|()| Authority::generate(now()).unwrap());
        let load = |certificate: &str, key: &str| Authority::load(certificate, key).unwrap_err();
        assert!(matches!(load(one.certificate(), &other.key()), AuthorityError::OtherKey));
        assert!(matches!(load("", &one.key()), AuthorityError::Certificate(_)));
        assert!(matches!(load(one.certificate(), "x"), AuthorityError::Key(_)));
        let damaged = one.certificate().replacen('M', "N", 1);
        assert!(matches!(load(&damaged, &one.key()), AuthorityError::Certificate(_)));
    }

    #[test]
    fn a_name_that_is_none_is_told() {
        let error = Authority::generate(now()).unwrap().issue(&names(&["ü"]), now()).unwrap_err();
        assert!(error.to_string().contains("DNS names or IP addresses"), "{error}");
    }

    #[rstest]
    #[case::it_is_good(&["a.b.svc", "127.0.0.1"], 0, Verdict::Keep)]
    #[case::it_is_for_other_names(&["c.b.svc"], 0, Verdict::Renew(Reason::OtherNames))]
    fn a_leaf_is_kept_while(#[case] wanted: &[&str], #[case] after: i64, #[case] verdict: Verdict) {
        let authority = Authority::generate(now()).unwrap();
        let leaf = authority.issue(&names(&["a.b.svc", "127.0.0.1"]), now()).unwrap();
        assert_eq!(Leaf::judge(Some(&leaf), &authority, &names(wanted), days(after)), verdict);
    }

    #[test]
    fn a_leaf_is_renewed_at_two_thirds_of_its_life_and_with_its_authority() {
        let [authority, other] = [(); 2].map(|()| Authority::generate(now()).unwrap());
        let wanted = names(&["a.b.svc"]);
        let leaf = authority.issue(&wanted, now()).unwrap();
        let judge = |authority: &Authority, after| Leaf::judge(Some(&leaf), authority, &wanted, days(after));
        assert_eq!(judge(&authority, 58), Verdict::Keep);
        assert!(matches!(judge(&authority, 59), Verdict::Renew(Reason::Aged(_))));
        assert!(matches!(judge(&authority, 91), Verdict::Renew(Reason::Expired(_))));
        assert!(matches!(judge(&authority, -2), Verdict::Renew(Reason::NotYetValid(_))));
        assert_eq!(judge(&other, 0), Verdict::Renew(Reason::OtherAuthority));
        assert_eq!(Leaf::judge(None, &authority, &wanted, now()), Verdict::Renew(Reason::Missing));
    }
}

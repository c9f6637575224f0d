//! The authorities that are trusted at one time: the one that issues, and those before it whose leaves are still served.

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::authority::validity_of;

/// How many authorities before the present one are trusted, at most.
const PREVIOUS: usize = 3;

/// Certificates of authorities, as PEM; the present one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle(Vec<String>);

impl Bundle {
    /// The bundle of a present authority, and of those before it: each once, and none whose time is over.
    pub fn new<'a>(present: &str, previous: impl IntoIterator<Item = &'a str>, now: Timestamp) -> Self {
        let mut bundle = Self(vec![normal(present)]);
        for certificate in previous.into_iter().flat_map(split) {
            if bundle.0.len() <= PREVIOUS && is_good(&certificate, now) && !bundle.0.contains(&certificate) {
                bundle.0.push(certificate);
            }
        }
        bundle
    }

    /// Whether an authority is trusted.
    pub fn trusts(&self, certificate: &str) -> bool {
        self.0.contains(&normal(certificate))
    }

    /// All certificates, as PEM.
    pub fn pem(&self) -> String {
        self.0.concat()
    }

    /// The certificates of the authorities before the present one, as PEM.
    pub fn previous(&self) -> String {
        self.0.iter().skip(1).map(String::as_str).collect()
    }
}

fn is_good(certificate: &str, now: Timestamp) -> bool {
    let der = CertificateDer::from_pem_slice(certificate.as_bytes());
    der.is_ok_and(|der| validity_of(&der).is_ok_and(|validity| validity.includes(now)))
}

fn normal(certificate: &str) -> String {
    certificate.trim().to_owned() + "\n"
}

/// The certificates of a PEM text, each for itself.
fn split(pem: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    pem.split_inclusive(END).filter(|part| part.ends_with(END)).map(normal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;
    use jiff::SignedDuration;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn authorities<const N: usize>() -> [Authority; N] {
        [(); N].map(|()| Authority::generate(now()).unwrap())
    }

    #[test]
    fn the_present_one_is_first_and_each_is_there_once() {
        let [new, old] = authorities();
        let twice = [old.certificate(), new.certificate(), old.certificate()].concat();
        let bundle = Bundle::new(new.certificate(), [twice.as_str()], now());
        assert_eq!(bundle.pem(), [new.certificate(), old.certificate()].concat());
        assert_eq!(bundle.previous(), old.certificate());
        assert!(bundle.trusts(old.certificate()));
    }

    #[test]
    fn what_is_no_certificate_or_over_is_left_out() {
        let [new] = authorities();
        let over = Authority::generate(now() - SignedDuration::from_hours(11 * 365 * 24)).unwrap();
        let bundle = Bundle::new(new.certificate(), [over.certificate(), "x", ""], now());
        assert_eq!(bundle.pem(), new.certificate());
    }

    #[test]
    fn there_is_a_limit() {
        let all: [Authority; 6] = authorities();
        let previous = all.iter().skip(1).map(Authority::certificate);
        let bundle = Bundle::new(all[0].certificate(), previous, now());
        assert_eq!(bundle.pem().matches("BEGIN CERTIFICATE").count(), 1 + PREVIOUS);
    }
}

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
    /// The bundle of what is trusted at present, and of what was before: each once, and none of those before whose time is over.
    pub fn new<'a>(present: &str, previous: impl IntoIterator<Item = &'a str>, now: Timestamp) -> Self {
        let mut bundle = Self::default();
        for certificate in split(present) {
            bundle.add(certificate);
        }
        let limit = bundle.0.len() + PREVIOUS;
        for certificate in previous.into_iter().flat_map(split) {
            if bundle.0.len() < limit && is_good(&certificate, now) {
                bundle.add(certificate);
            }
        }
        bundle
    }

    /// The certificates of a PEM text, whatever their time.
    pub fn read(pem: &str) -> Self {
        let mut bundle = Self::default();
        split(pem).into_iter().for_each(|certificate| bundle.add(certificate));
        bundle
    }

    /// Whether all authorities of a PEM text are trusted.
    pub fn trusts(&self, certificates: &str) -> bool {
        split(certificates).iter().all(|certificate| self.0.contains(certificate))
    }

    /// Whether nobody is trusted. The API server takes this for trust in the authorities of its own machine.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each certificate, as PEM.
    pub fn certificates(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// All certificates, as PEM.
    pub fn pem(&self) -> String {
        self.0.concat()
    }

    /// The certificates of the authorities before the present one, as PEM.
    pub fn previous(&self) -> String {
        self.certificates().skip(1).collect()
    }

    fn add(&mut self, certificate: String) {
        if !self.0.contains(&certificate) {
            self.0.push(certificate);
        }
    }
}

fn is_good(certificate: &str, now: Timestamp) -> bool {
    let der = CertificateDer::from_pem_slice(certificate.as_bytes());
    der.is_ok_and(|der| validity_of(&der).is_ok_and(|validity| validity.includes(now)))
}

/// The certificates of a PEM text, each for itself, without what tools write before them.
fn split(pem: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let parts = pem.split_inclusive(END).filter(|part| part.ends_with(END));
    parts.filter_map(|part| Some(part.get(part.rfind(BEGIN)?..)?.replace('\r', "") + "\n")).collect()
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
    fn several_are_present_at_once_and_what_tools_write_before_them_is_left_out() {
        let [new, other, old] = authorities();
        let present = format!("subject=a\n{}\nsubject=b\r\n{}", new.certificate(), other.certificate());
        let bundle = Bundle::new(&present, [old.certificate()], now());
        assert_eq!(bundle.pem(), [new.certificate(), other.certificate(), old.certificate()].concat());
        assert!(bundle.trusts(&present));
        assert!(!Bundle::read(old.certificate()).trusts(&present));
        assert!(Bundle::read("subject=a\n").is_empty());
    }

    #[test]
    fn there_is_a_limit() {
        let all: [Authority; 6] = authorities();
        let previous = all.iter().skip(1).map(Authority::certificate);
        let bundle = Bundle::new(all[0].certificate(), previous, now());
        assert_eq!(bundle.pem().matches("BEGIN CERTIFICATE").count(), 1 + PREVIOUS);
    }
}

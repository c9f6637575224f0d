//! When the webhook's certificates expire.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use tagger_certificates::keeper::Expiry;

/// Tells when the certificates of the moment expire.
pub(super) struct Certificates(Box<dyn Fn() -> Expiry + Send + Sync>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    certificate: &'static str,
}

impl Certificates {
    pub(super) fn new(expiry: impl Fn() -> Expiry + Send + Sync + 'static) -> Self {
        Self(Box::new(expiry))
    }
}

impl Collector for Certificates {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "When a certificate of the webhook expires, in seconds since 1970: the one that is served, and the authority that issued it.";
        let (name, unit) = ("tagger_certificate_expiry_timestamp", Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
        let Expiry { serving, authority } = (self.0)();
        for (certificate, expires) in [("serving", serving), ("authority", authority)] {
            let Some(expires) = expires else { continue };
            ConstGauge::new(expires.as_second()).encode(family.encode_family(&Which { certificate })?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

//! A TLS configuration whose certificate is swapped while it serves.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::authority::Leaf;

/// The certificate that is served now. Until there is one, every handshake fails.
#[derive(Debug, Default)]
pub struct Serving(RwLock<Option<Leaf>>);

impl Serving {
    /// Serves this certificate from now on. Connections that there are go on as they are.
    pub fn swap(&self, leaf: Leaf) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(leaf);
    }

    /// The certificate that is served now.
    pub fn leaf(&self) -> Option<Leaf> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A configuration that always serves the certificate of the moment: TLS 1.2 or later, HTTP/2 or HTTP/1.1.
    pub fn config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let leaf = self.0.read().unwrap_or_else(PoisonError::into_inner);
        leaf.as_ref().map(|leaf| Arc::clone(&leaf.certified))
    }
}

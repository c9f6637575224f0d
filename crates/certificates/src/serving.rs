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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use rustls::{Error, PeerIncompatible, ServerConnection};

    /// The first message of a client that offers this version at most, as far as a server reads it before it says no.
    fn client_hello(version: [u8; 2]) -> Vec<u8> {
        let mut hello = version.to_vec();
        hello.extend([7; 32]);
        // No session, one cipher suite (ECDHE, ECDSA, AES 128), no compression, and the algorithms of signatures.
        hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
        hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
        let length = |more: usize| u8::try_from(hello.len() + more).unwrap();
        let header = [22, 3, 1, 0, length(4), 1, 0, 0, length(0)];
        [header.as_slice(), &hello].concat()
    }

    #[rstest]
    #[case::tls_1_1([3, 2], true)]
    #[case::tls_1_0([3, 1], true)]
    #[case::tls_1_2([3, 3], false)]
    fn a_client_is_refused_for_its_version_where_that_is_older_than_tls_1_2(
        #[case] version: [u8; 2],
        #[case] refused: bool,
    ) {
        let config = Arc::<Serving>::default().config().unwrap();
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        connection.read_tls(&mut client_hello(version).as_slice()).unwrap();
        let error = connection.process_new_packets().unwrap_err();
        let for_version = Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered);
        assert_eq!(error == for_version, refused, "{error}");
    }
}

//! The authorities that Mozilla trusts, as the crate `webpki-root-certs` has them: `Cargo.lock` says which, and no machine's own list counts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// All certificates, as PEM.
pub(super) fn pem() -> Vec<u8> {
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let text = STANDARD.encode(certificate);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem.into_bytes()
}

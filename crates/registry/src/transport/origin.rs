use std::fmt;
use std::net::SocketAddr;

use tagger_core::reference::Registry;
use url::{Host, Url};

/// Says who is at the other end of a URL: scheme, host and port, the unit of trust of RFC 6454.
///
/// The host is as the URL standard normalises it, so that `0x7f.1` and `127.0.0.1` are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    plain: bool,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// None for a URL that is neither `http` nor `https`.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let plain = match url.scheme() {
            "http" => true,
            "https" => false,
            _ => return None,
        };
        Some(Self { plain, host: url.host()?.to_owned(), port: url.port_or_known_default()? })
    }

    /// Whether this is plain HTTP.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    pub(crate) fn host(&self) -> &Host<String> {
        &self.host
    }

    /// Whether the registry, as an administrator wrote it, is this host and port.
    pub(crate) fn is(&self, registry: &Registry) -> bool {
        let port = registry.port().unwrap_or(self.default_port());
        port == self.port && registry.host() == self.host.to_string()
    }

    /// Whether this is how a registry is asked that is reached at this address: in plain HTTP there, else by its own name.
    pub(crate) fn is_reached_by(&self, registry: &Registry, at: SocketAddr) -> bool {
        match self.plain {
            true => format!("{}:{}", self.host, self.port) == at.to_string(),
            false => self.port == at.port() && registry.host() == self.host.to_string(),
        }
    }

    /// Whether this is a host with this ending, which begins with a dot, at the usual port.
    pub(crate) fn is_below(&self, ending: &str) -> bool {
        self.port == self.default_port() && self.host.to_string().ends_with(ending)
    }

    fn default_port(&self) -> u16 {
        if self.plain { 80 } else { 443 }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port == self.default_port() {
            true => write!(f, "{}", self.host),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn origin(url: &str) -> Origin {
        Origin::of(&url.parse().unwrap()).unwrap()
    }

    #[rstest]
    #[case("https://quay.io/v2/", "quay.io", true)]
    #[case("https://quay.io/v2/", "quay.io:443", true)]
    #[case("http://quay.io/v2/", "quay.io:443", false)]
    #[case("http://quay.io/v2/", "quay.io", true)]
    #[case("https://quay.io:5000/v2/", "quay.io", false)]
    #[case("https://[::1]:5000/v2/", "[::1]:5000", true)]
    #[case("https://0x7f.1:5000/v2/", "127.0.0.1:5000", true)]
    fn a_registry_is_its_host_and_port(#[case] url: &str, #[case] registry: &str, #[case] same: bool) {
        assert_eq!(origin(url).is(&registry.parse().unwrap()), same);
    }

    #[rstest]
    #[case("http://127.0.0.1:4000/v2/", "127.0.0.1:4000", true)]
    #[case("http://[::1]:4000/v2/", "[::1]:4000", true)]
    #[case("http://127.0.0.1:4001/v2/", "127.0.0.1:4000", false)]
    #[case("https://registry.ci.svc:4000/v2/", "127.0.0.1:4000", true)]
    #[case("https://registry.ci.svc:5000/v2/", "127.0.0.1:4000", false)]
    #[case("https://other.ci.svc:4000/v2/", "127.0.0.1:4000", false)]
    fn a_registry_is_known_where_it_is_reached(#[case] url: &str, #[case] at: &str, #[case] is: bool) {
        let registry = "registry.ci.svc:5000".parse().unwrap();
        assert_eq!(origin(url).is_reached_by(&registry, at.parse().unwrap()), is);
    }

    #[test]
    fn the_scheme_and_the_port_are_part_of_it() {
        assert_eq!(origin("https://a.io/x"), origin("https://A.io:443/y?z"));
        assert_ne!(origin("https://a.io/"), origin("http://a.io/"));
        assert_ne!(origin("https://a.io/"), origin("https://a.io:8443/"));
        assert!(Origin::of(&"file:///etc/passwd".parse().unwrap()).is_none());
        assert_eq!(origin("http://a.io:5000/").to_string(), "a.io:5000");
    }
}

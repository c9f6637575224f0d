use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Names a registry: a host in lower case, with a port where one was given. `index.docker.io` becomes `docker.io`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry {
    host: String,
    port: Option<u16>,
}

/// Why a text is no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The host is no domain name and no address.
    #[error("{0:?} is no registry: a host has letters, digits, dots and inner dashes, or is an address")]
    Host(String),
    /// The host is a word of which only its capitals say that it is none of a repository's.
    #[error(
        "{0:?} is no registry: a word alone is no registry's host; write a repository in lower case, and a host with a dot or a port"
    )]
    Word(String),
    /// The port is no number from 1 to 65535.
    #[error("{0:?} is no registry: the port must be a number from 1 to 65535")]
    Port(String),
}

/// Docker's rule for telling `host/path` from `path/path`.
pub(super) fn looks_like_one(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(|c| c.is_ascii_uppercase())
}

/// The registry that a reference names in front. A word that Docker takes for one by its capitals alone would be read as part of the
/// repository once it is written in lower case, as every host is here.
pub(super) fn spelled(first: &str) -> Result<Registry, RegistryError> {
    let registry: Registry = first.parse()?;
    match looks_like_one(&registry.to_string()) {
        true => Ok(registry),
        false => Err(RegistryError::Word(first.to_owned())),
    }
}

impl Registry {
    /// Docker Hub, which a name without a registry means unless told otherwise.
    pub fn docker_hub() -> Self {
        Self { host: "docker.io".into(), port: None }
    }

    /// Whether this is Docker Hub, whose one-word repositories are in `library/`.
    pub fn is_docker_hub(&self) -> bool {
        self.host == "docker.io" && self.port.is_none()
    }

    /// The name to compare by where it must not matter how somebody wrote it: Docker Hub is docker.io by its API's names as well,
    /// which Helm has, and the usual ports are none. For comparing alone: what a person wrote is what is asked and recorded.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let port = self.port.filter(|port| !matches!(port, 80 | 443));
        match (self.host.as_str(), port) {
            ("docker.io" | "index.docker.io" | "registry-1.docker.io", None) => Self::docker_hub(),
            _ => Self { host: self.host.clone(), port },
        }
    }

    /// The host without the port; an IPv6 address has its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The address, where the host is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }
}

impl FromStr for Registry {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let (host, port) = match text.rfind(']') {
            Some(end) => {
                (&text[..=end], text[end + 1..].strip_prefix(':').or_else(|| none_if_empty(&text[end + 1..])))
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if !is_host(host) {
            return Err(RegistryError::Host(text.to_owned()));
        }
        let port = match port {
            Some(port) => Some(parse_port(port).ok_or_else(|| RegistryError::Port(text.to_owned()))?),
            None => None,
        };
        let host = host.to_ascii_lowercase();
        Ok(match host.as_str() {
            "index.docker.io" if port.is_none() => Self::docker_hub(),
            _ => Self { host, port },
        })
    }
}

/// What follows a bracketed address without a colon is no port; it must be seen as a wrong one.
fn none_if_empty(rest: &str) -> Option<&str> {
    (!rest.is_empty()).then_some(rest)
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => text.len() <= 253 && text.split('.').all(is_label),
    }
}

fn is_label(label: &str) -> bool {
    let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    !label.is_empty() && label.len() <= 63 && inner && !label.starts_with('-') && !label.ends_with('-')
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

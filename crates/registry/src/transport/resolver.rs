use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{AddressKind, Verdict, judge};
use crate::settings::Detour;

/// Says which addresses one connection may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    /// What the internet routes.
    Public,
    /// Private networks and this machine as well.
    Private,
}

/// An address that must not be connected to; travels through the HTTP client's error.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{address} is a {kind} address")]
pub(crate) struct Refused {
    pub(crate) address: IpAddr,
    pub(crate) kind: AddressKind,
}

impl Reach {
    pub(crate) fn check(self, address: IpAddr) -> Result<(), Refused> {
        let kind = judge(address);
        match (kind.verdict(), self) {
            (Verdict::Connect, _) | (Verdict::ConnectIfPrivateAllowed, Self::Private) => Ok(()),
            _ => Err(Refused { address, kind }),
        }
    }

    /// Those of a name's addresses that may be connected to; an error when there are some, but none of them may.
    fn filter(self, addresses: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in addresses {
            match self.check(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match (allowed.is_empty(), refused) {
            (true, Some(refused)) => Err(refused),
            _ => Ok(allowed),
        }
    }
}

/// The system's resolver, whose answers are judged before anybody connects to them: what was judged is what is
/// connected to, so a name that changes its mind in between gains nothing.
pub(crate) struct JudgingResolver {
    pub(crate) reach: Reach,
    /// Hosts of proxies, which an administrator put into the environment and which may be anywhere.
    pub(crate) proxies: Vec<String>,
    /// Where some hosts are reached in place of what their names say.
    pub(crate) detours: Vec<Detour>,
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = match self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(name.as_str())) {
            true => Reach::Private,
            false => self.reach,
        };
        let named = |detour: &&Detour| detour.registry.host().eq_ignore_ascii_case(name.as_str());
        if let Some(detour) = self.detours.iter().find(named) {
            let at = SocketAddr::new(detour.at.ip(), 0);
            return Box::pin(async move { Ok(Box::new(std::iter::once(at)) as Addrs) });
        }
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = reach.filter(addresses)?;
            match allowed.is_empty() {
                true => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into()),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(reach: Reach, addresses: &[&str]) -> Result<Vec<String>, String> {
        let addresses = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0));
        let allowed = reach.filter(addresses).map_err(|refused| refused.to_string())?;
        Ok(allowed.into_iter().map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn of_several_addresses_only_the_allowed_ones_are_left() {
        let all = ["8.8.8.8", "10.0.0.1", "169.254.169.254"];
        assert_eq!(filtered(Reach::Public, &all), Ok(vec!["8.8.8.8".into()]));
        assert_eq!(filtered(Reach::Private, &all), Ok(vec!["8.8.8.8".into(), "10.0.0.1".into()]));
        assert_eq!(filtered(Reach::Public, &all[1..]), Err("10.0.0.1 is a private address".into()));
        assert_eq!(
            filtered(Reach::Private, &all[2..]),
            Err("169.254.169.254 is a link-local address".into())
        );
        assert_eq!(filtered(Reach::Public, &[]), Ok(vec![]));
    }
}

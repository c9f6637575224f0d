use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError, RwLock};

use reqwest::redirect::Policy;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tagger_core::reference::Registry;
use url::Host;

use super::origin::Origin;
use super::problem::TlsProblem;
use super::resolver::{JudgingResolver, Reach, Refused};
use crate::fault::Fault;
use crate::registries_conf::{Hosts, RegistriesConf};
use crate::settings::{Authority, Detour, Limits, Settings, SettingsError};

/// Gives each origin the HTTP client that suits it: one a set of certificate authorities and reach, made when first
/// needed and kept, so that connections are shared as far as trust is.
pub(crate) struct Connectors {
    insecure: Vec<Registry>,
    private: Vec<Registry>,
    private_everywhere: bool,
    registries: RegistriesConf,
    /// One registry more that may be reached, and whether in plain HTTP: it became known later than the settings.
    found: RwLock<Option<(Registry, bool)>>,
    detours: Vec<Detour>,
    authorities: Vec<(Option<Registry>, Vec<CertificateDer<'static>>)>,
    user_agent: String,
    limits: Limits,
    proxies: Vec<String>,
    made: Mutex<HashMap<(Trust, Way), reqwest::Client>>,
}

/// How an origin is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Way {
    /// Where its name says, or by the proxy of the environment.
    Usual(Reach),
    /// By a detour.
    Detour,
}

/// Whose certificates a client believes. The numbers are those of the authorities in the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Trust {
    /// Nobody's: for plain HTTP, which must work on a machine without any certificate authority.
    Nobody,
    /// The system's and these.
    SystemAnd(Vec<usize>),
}

impl Connectors {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        let authorities = settings.authorities.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            insecure: settings.insecure.clone(),
            private: settings.private.clone(),
            private_everywhere: settings.private_everywhere,
            registries: settings.registries.clone(),
            found: RwLock::default(),
            detours: settings.detours.clone(),
            authorities,
            user_agent: settings.user_agent.clone(),
            limits: settings.limits.clone(),
            proxies: proxy_hosts(|name| std::env::var(name).ok()),
            made: Mutex::default(),
        })
    }

    /// Whether the registry is spoken to in plain HTTP.
    pub(crate) fn is_insecure(&self, registry: &Registry) -> bool {
        self.insecure.contains(registry) || self.found(|found, plain| plain && found == registry)
    }

    /// Where a registry is reached in place of what its name says.
    pub(crate) fn detour(&self, registry: &Registry) -> Option<SocketAddr> {
        self.detours.iter().find(|detour| detour.registry == *registry).map(|detour| detour.at)
    }

    /// Lets one registry more be reached, at a private address too. The one that was let before is let no more.
    pub(crate) fn also_reach(&self, registry: &Registry, plain: bool) {
        if !self.found(|found, was_plain| found == registry && was_plain == plain) {
            let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
            *found = Some((registry.clone(), plain));
        }
    }

    fn found(&self, is_so: impl FnOnce(&Registry, bool) -> bool) -> bool {
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        found.as_ref().is_some_and(|(registry, plain)| is_so(registry, *plain))
    }

    /// The client for this origin; an error when the origin is a literal address that must not be connected to, or when
    /// there is nobody to believe. Names are judged later, when they are resolved.
    pub(crate) fn client(&self, origin: &Origin) -> Result<reqwest::Client, Fault> {
        let is_detour = |detour: &Detour| origin.is_reached_by(&detour.registry, detour.at);
        let way = match self.detours.iter().any(is_detour) {
            true => Way::Detour,
            false => Way::Usual(self.reach(origin)),
        };
        let literal = match origin.host() {
            Host::Ipv4(address) => Some((*address).into()),
            Host::Ipv6(address) => Some((*address).into()),
            Host::Domain(_) => None,
        };
        if let (Way::Usual(reach), Some(address)) = (way, literal)
            && let Err(Refused { address, kind }) = reach.check(address)
        {
            return Err(Fault::AddressRefused { host: origin.to_string(), address, kind });
        }
        let trust = self.trust(origin);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&(trust.clone(), way)) {
            return Ok(client.clone());
        }
        // The settings were checked when they came in; what can still fail is the system's own store.
        let client = self
            .make(&trust, way)
            .map_err(|_| Fault::TlsFailed { host: origin.to_string(), problem: TlsProblem::NoAuthorities })?;
        made.insert((trust, way), client.clone());
        Ok(client)
    }

    fn reach(&self, origin: &Origin) -> Reach {
        let listed = |hosts: &[Registry]| hosts.iter().any(|registry| origin.is(registry));
        let named = |hosts: Hosts<'_>| match hosts {
            Hosts::One(registry) => origin.is(registry),
            Hosts::Subdomains(ending) => origin.is_below(ending),
        };
        let allowed = listed(&self.private)
            || listed(&self.insecure)
            || self.registries.insecure().any(named)
            || self.found(|registry, _| origin.is(registry));
        match self.private_everywhere || allowed {
            true => Reach::Private,
            false => Reach::Public,
        }
    }

    fn trust(&self, origin: &Origin) -> Trust {
        if origin.is_plain() {
            return Trust::Nobody;
        }
        let is = |whom: &Registry| {
            origin.is(whom) || self.detour(whom).is_some_and(|at| origin.is_reached_by(whom, at))
        };
        let counts = |(whom, _): &(Option<Registry>, _)| whom.as_ref().is_none_or(is);
        let numbered = self.authorities.iter().enumerate();
        Trust::SystemAnd(
            numbered.filter(|(_, authority)| counts(authority)).map(|(number, _)| number).collect(),
        )
    }

    fn make(&self, trust: &Trust, way: Way) -> Result<reqwest::Client, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.limits.connect)
            .pool_max_idle_per_host(64)
            .tcp_nodelay(true);
        let proxies = self.proxies.clone();
        let builder = match way {
            Way::Usual(reach) => {
                builder.dns_resolver(JudgingResolver { reach, proxies, detours: Vec::new() })
            }
            Way::Detour => {
                let detours = self.detours.clone();
                builder.no_proxy().dns_resolver(JudgingResolver { reach: Reach::Private, proxies, detours })
            }
        };
        let certificates = match trust {
            Trust::Nobody => return builder.tls_certs_only([]).build(),
            Trust::SystemAnd(numbers) => numbers.iter().filter_map(|number| self.authorities.get(*number)),
        };
        let certificates = certificates
            .flat_map(|(_, certificates)| certificates)
            .map(|certificate| reqwest::Certificate::from_der(certificate))
            .collect::<Result<Vec<_>, _>>()?;
        builder.tls_certs_merge(certificates).build()
    }
}

fn read(authority: &Authority) -> Result<(Option<Registry>, Vec<CertificateDer<'static>>), SettingsError> {
    let whom = || authority.registry.as_ref().map_or("all registries".into(), Registry::to_string);
    let wrong = |problem: String| SettingsError::Authority { whom: whom(), problem };
    let certificates = CertificateDer::pem_slice_iter(&authority.pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in it".into()));
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| wrong(error.to_string()))?;
    }
    Ok((authority.registry.clone(), certificates))
}

/// The hosts of the proxies that the HTTP client takes from the environment.
fn proxy_hosts(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let with_scheme = |value: String| if value.contains("://") { value } else { format!("http://{value}") };
    let host = |value: String| with_scheme(value).parse::<url::Url>().ok()?.host_str().map(str::to_owned);
    names.into_iter().filter_map(variable).filter_map(host).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_known_with_and_without_a_scheme() {
        let environment = |name: &str| match name {
            "HTTPS_PROXY" => Some("proxy.corp:3128".into()),
            "http_proxy" => Some("http://user:pw@other.corp/".into()),
            _ => None,
        };
        assert_eq!(proxy_hosts(environment), ["proxy.corp", "other.corp"]);
    }

    #[test]
    fn an_authority_that_is_none_is_an_error_and_says_whose() {
        let refuse = |registry: Option<&str>, pem: &str| {
            let registry = registry.map(|registry| registry.parse().unwrap());
            let authorities = vec![Authority { registry, pem: pem.into() }];
            let settings = Settings { authorities, ..Settings::default() };
            Connectors::new(&settings).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(
            refuse(Some("a.io:5000"), "nothing")
                .contains("authority for a.io:5000 can't be used: there is no")
        );
        assert!(refuse(None, damaged).contains("for all registries can't be used"));
    }

    #[test]
    fn what_registries_conf_calls_insecure_may_be_at_a_private_address_and_nothing_else_of_it() {
        let file = r#"
            [[registry]]
            prefix = "a.io"
            location = "10.0.0.1:5000"
            [[registry.mirror]]
            location = "10.0.0.2:5000/x"
            insecure = true
            [[registry]]
            location = "10.0.0.3:5000"
            insecure = true
            [[registry]]
            prefix = "*.corp.example"
            insecure = true
        "#;
        let registries = RegistriesConf::parse(file).unwrap();
        let connectors = Connectors::new(&Settings { registries, ..Settings::default() }).unwrap();
        let reach = |url: &str| connectors.reach(&Origin::of(&url.parse().unwrap()).unwrap());
        let private = ["http://10.0.0.2:5000/", "http://10.0.0.3:5000/", "http://x.y.corp.example/"];
        let public = [
            "https://10.0.0.1:5000/",
            "http://10.0.0.2:80/",
            "http://corp.example/",
            "http://x.corp.example:81/",
        ];
        assert_eq!(private.map(reach), [Reach::Private; 3]);
        assert_eq!(public.map(reach), [Reach::Public; 4]);
    }

    #[test]
    fn what_is_allowed_for_a_registry_is_not_allowed_for_its_neighbour() {
        let settings = Settings {
            private: vec!["a.io:5000".parse().unwrap()],
            insecure: vec!["127.0.0.1:5000".parse().unwrap()],
            ..Settings::default()
        };
        let connectors = Connectors::new(&settings).unwrap();
        let reach = |url: &str| connectors.reach(&Origin::of(&url.parse().unwrap()).unwrap());
        assert_eq!(reach("https://a.io:5000/"), Reach::Private);
        assert_eq!(reach("https://a.io/"), Reach::Public);
        assert_eq!(reach("http://127.0.0.1:5000/"), Reach::Private);
        assert_eq!(reach("http://127.0.0.1:6443/"), Reach::Public);
    }

    #[test]
    fn one_registry_more_is_reached_until_another_takes_its_place() {
        let connectors = Connectors::new(&Settings::default()).unwrap();
        let reach = |url: &str| connectors.reach(&Origin::of(&url.parse().unwrap()).unwrap());
        let (first, second) = ("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap());
        connectors.also_reach(&first, true);
        assert_eq!((reach("http://10.0.0.1:5000/"), connectors.is_insecure(&first)), (Reach::Private, true));
        connectors.also_reach(&second, false);
        assert_eq!((reach("http://10.0.0.1:5000/"), connectors.is_insecure(&first)), (Reach::Public, false));
        assert_eq!(
            (reach("https://10.0.0.2:5000/"), connectors.is_insecure(&second)),
            (Reach::Private, false)
        );
    }
}

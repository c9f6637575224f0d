use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args};
use tagger_controller::cache::{CacheAddress, CacheAddressError};

/// Where images are mirrored. The names of the variables are those that Tagger always had.
#[derive(Debug, Args)]
pub struct Cache {
    /// The registry that Tags with `cache: true` are mirrored into, as `host[:port][/path]`; without it, the one that the
    /// ConfigMap kube-public/local-registry-hosting describes, if there is any
    #[arg(id = "cache-registry", long, env = "CACHE_REGISTRY_ADDRESS", value_name = "ADDRESS")]
    pub registry: Option<Given<CacheAddress>>,

    /// The address at which nodes pull from the cache, where that is another than Tagger pushes to
    #[arg(
        id = "cache-reference-address",
        long,
        env = "TAGGER_CACHE_REFERENCE_ADDRESS",
        value_name = "ADDRESS"
    )]
    pub reference_address: Option<Given<CacheAddress>>,

    /// Speak plain HTTP with the cache registry. The variable takes true and false
    #[arg(id = "cache-insecure", long, env = "CACHE_REGISTRY_INSECURE", action = ArgAction::SetTrue, value_parser = truth)]
    pub insecure: bool,

    /// The user at the cache registry. The password is taken from the variable CACHE_REGISTRY_PASSWORD, and never from the
    /// command line
    #[arg(id = "cache-username", long, env = "CACHE_REGISTRY_USERNAME", value_name = "NAME")]
    pub username: Option<Given<String>>,

    /// A docker config.json with credentials that are used for the cache registry alone; it is read again when it changes
    #[arg(id = "cache-docker-config", long, env = "TAGGER_CACHE_DOCKER_CONFIG", value_name = "FILE")]
    pub docker_config: Option<PathBuf>,
}

/// A value, or none where a variable is set to nothing, as templates of Deployments set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T>(pub Option<T>);

impl FromStr for Given<CacheAddress> {
    type Err = CacheAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

impl FromStr for Given<String> {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Some(text.to_owned()).filter(|text| !text.is_empty())))
    }
}

impl<T> Given<T> {
    /// The value, where there is one.
    pub fn value(given: &Option<Self>) -> Option<&T> {
        given.as_ref().and_then(|given| given.0.as_ref())
    }
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "" | "false" => Ok(false),
        _ => Err("must be true, or false, or not set".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use rstest::rstest;

    #[derive(Debug, Parser)]
    struct Whole {
        #[command(flatten)]
        cache: Cache,
    }

    fn read(flags: &[&str]) -> Result<Cache, String> {
        let flags = [&["tagger"], flags].concat();
        Whole::try_parse_from(flags).map(|whole| whole.cache).map_err(|error| error.to_string())
    }

    #[test]
    fn the_cache_may_be_at_a_path_and_be_called_otherwise_by_nodes() {
        let flags = ["--cache-registry", "https://a.io/mirror/", "--cache-reference-address", "b.io:5000"];
        let cache = read(&flags).unwrap();
        assert_eq!(Given::value(&cache.registry).unwrap().to_string(), "a.io/mirror");
        assert_eq!(Given::value(&cache.reference_address).unwrap().to_string(), "b.io:5000");
        assert!(!cache.insecure);
        assert!(read(&["--cache-insecure"]).unwrap().insecure);
    }

    #[test]
    fn nothing_is_no_value() {
        let cache = read(&["--cache-registry", "", "--cache-username", ""]).unwrap();
        assert_eq!(Given::value(&cache.registry), None);
        assert_eq!(Given::value(&cache.username), None);
    }

    #[rstest]
    #[case("true", Ok(true))]
    #[case("false", Ok(false))]
    #[case("", Ok(false))]
    #[case("1", Err("must be true, or false, or not set".to_owned()))]
    #[case("True", Err("must be true, or false, or not set".to_owned()))]
    fn only_true_is_true(#[case] text: &str, #[case] read: Result<bool, String>) {
        assert_eq!(truth(text), read);
    }

    #[rstest]
    #[case(&["--cache-registry", "a.io/Mirror"], "lower case")]
    #[case(&["--cache-registry", "cache"], "cache:443")]
    #[case(&["--cache-reference-address", "a.io:port"], "port")]
    #[case(&["--cache-password", "hunter2"], "unexpected argument")]
    fn what_is_wrong_is_refused(#[case] flags: &[&str], #[case] because: &str) {
        let error = read(flags).unwrap_err();
        assert!(error.contains(because), "{error}");
    }
}

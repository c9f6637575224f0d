//! The command line. Flags, environment and documentation come from these definitions.

mod cache;
mod receiver;
mod traces;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tagger_core::reference::{Reference, Registry, TagName};
use url::Url;

pub use cache::{Cache, Given};
pub use receiver::Receiver;
pub use traces::Traces;

/// Gives a Kubernetes cluster its own memory of container image tags.
#[derive(Debug, Parser)]
#[command(name = "tagger", version, propagate_version = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator: the controller of Tags and workloads, and the admission webhook
    ///
    /// The cluster is the one of KUBECONFIG, or the one that the process runs in.
    Run(Box<Run>),
    /// Copy an image from one registry to another: whole, byte for byte, without a disk
    ///
    /// Every platform and every layer goes, or is left where it is there already; the digest stays. The copy engine is that
    /// of Tags with `cache: true`. Without --docker-config, credentials are those of your own docker config; its helpers are
    /// not run. Registries at private addresses may be named without more ado.
    Copy(Box<Copy>),
    /// Print the completions of a shell
    ///
    /// For bash, for example: tagger completions bash > /etc/bash_completion.d/tagger
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
}

/// The flags of `tagger run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The namespace that Tagger itself lives in; its Secret with the certificate authority is there
    #[arg(long, env = "TAGGER_NAMESPACE", value_name = "NAME", default_value = "tagger")]
    pub namespace: String,

    /// The name of this process in Events; the Pod's name in a cluster
    #[arg(long, env = "TAGGER_INSTANCE", value_name = "NAME", default_value = "tagger")]
    pub instance: String,

    /// How the webhook is reached
    #[command(flatten)]
    pub admission: Admission,

    /// Which registries may be asked, and how
    #[command(flatten)]
    pub registries: Registries,

    /// Where images are mirrored
    #[command(flatten)]
    pub cache: Cache,

    /// How notifications of pushes come in
    #[command(flatten)]
    pub receiver: Receiver,

    /// Where traces go
    #[command(flatten)]
    pub traces: Traces,

    /// Where /healthz, /readyz and /metrics are served, over plain HTTP
    #[arg(long, env = "TAGGER_HEALTH_ADDRESS", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub health_address: SocketAddr,

    /// The Lease, in Tagger's own namespace, by which one of several replicas is chosen to reconcile; all of them answer admission
    #[arg(long, env = "TAGGER_LEASE", value_name = "NAME", default_value = "tagger")]
    pub lease: String,

    /// How long the Lease lasts without a renewal, in seconds: so long nothing is reconciled after the one that leads was killed
    #[arg(long, env = "TAGGER_LEASE_DURATION", value_name = "SECONDS", default_value = "15", value_parser = lease_seconds)]
    pub lease_duration: Duration,

    /// How many Tags one registry is asked for at once: imports, pushes, and at most half of them polls
    #[arg(long, env = "TAGGER_IMPORTS", value_name = "NUMBER", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub imports: u16,

    /// How many images are copied into the cache at once from one registry; four times as many in all
    #[arg(long, env = "TAGGER_MIRRORS", value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub mirrors: u16,

    /// How many workloads of a kind are rolled out at once
    #[arg(long, env = "TAGGER_ROLL_OUTS", value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub roll_outs: u16,

    /// How many workloads are rolled out a second, of all kinds together: the API server has other users
    #[arg(long, env = "TAGGER_ROLL_OUT_RATE", value_name = "NUMBER", default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..))]
    pub roll_out_rate: u16,

    /// How long admission is still answered after SIGTERM, while the API server learns that this process goes, in seconds
    #[arg(long, env = "TAGGER_DRAIN", value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub drain: Duration,

    /// The form of the log
    #[arg(long, env = "TAGGER_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// What is logged: error, warn, info, debug, trace, or a list such as info,tagger_registry=debug
    #[arg(long, env = "TAGGER_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// The flags of `tagger copy`.
#[derive(Debug, Args)]
pub struct Copy {
    /// The image to copy: host/path:tag, or host/path@digest
    #[arg(value_name = "SOURCE", required_unless_present = "batch")]
    pub source: Option<Reference>,

    /// Where to copy it to, and under which tag: host/path:tag
    #[arg(value_name = "DESTINATION", required_unless_present = "batch")]
    pub destination: Option<Reference>,

    /// A file with a line SOURCE=DESTINATION for each copy to make, or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["source", "destination"])]
    pub batch: Option<PathBuf>,

    /// How many images are copied at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub at_once: u16,

    /// Another tag for the copy; may be repeated
    #[arg(long = "tag", value_name = "TAG", conflicts_with = "batch")]
    pub tags: Vec<TagName>,

    /// Copy signatures, SBOMs and attestations as well: OCI referrers, and the older .sig, .att and .sbom tags
    #[arg(long)]
    pub referrers: bool,

    /// Print one JSON object for each copy
    #[arg(long)]
    pub json: bool,

    /// Which registries may be asked, and how
    #[command(flatten)]
    pub registries: Registries,

    /// What is logged: error, warn, info, debug, trace, or a list such as info,tagger_registry=debug
    #[arg(long, env = "TAGGER_LOG_LEVEL", value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,
}

/// How the webhook is reached.
#[derive(Debug, Args)]
pub struct Admission {
    /// Where the admission webhook is served, over TLS
    #[arg(long, env = "TAGGER_ADMISSION_ADDRESS", value_name = "ADDRESS", default_value = "0.0.0.0:9443")]
    pub admission_address: SocketAddr,

    /// The URL at which the API server reaches the webhook, for an operator that runs outside of the cluster, such as
    /// https://127.0.0.1:9443; without it, the webhook is registered by its Service
    #[arg(long, env = "TAGGER_ADMISSION_URL", value_name = "URL", value_parser = https)]
    pub admission_url: Option<Url>,

    /// The Service of the webhook, in Tagger's own namespace
    #[arg(long, env = "TAGGER_ADMISSION_SERVICE", value_name = "NAME", default_value = "tagger-admission")]
    pub admission_service: String,

    /// The ClusterRole that the webhook's registration belongs to: Kubernetes deletes the registration when the role is deleted, as
    /// uninstalling does. Without such a role, the registration stays
    #[arg(long, env = "TAGGER_REGISTRATION_OWNER", value_name = "NAME", default_value = "tagger")]
    pub registration_owner: String,

    /// A folder with the webhook's certificate, where Tagger is not to make one: a mounted Secret with tls.crt, tls.key and, but for
    /// a public authority, ca.crt; it is read again when it changes
    #[arg(long, env = "TAGGER_ADMISSION_CERTIFICATE", value_name = "FOLDER")]
    pub admission_certificate: Option<PathBuf>,
}

/// Which registries may be asked, and how.
#[derive(Clone, Debug, Args)]
pub struct Registries {
    /// A registry that speaks plain HTTP, such as registry.internal:5000; may be repeated
    #[arg(
        long = "insecure-registry",
        env = "TAGGER_INSECURE_REGISTRIES",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub insecure: Vec<Registry>,

    /// A registry, or a token server of one, at a private or loopback address; * for all; may be repeated. Others are refused
    /// there, so that nobody reaches inside the cluster's network with a Tag
    #[arg(
        long = "private-registry",
        env = "TAGGER_PRIVATE_REGISTRIES",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub private: Vec<Hosts>,

    /// A file of certificate authorities in PEM, for all registries or, as HOST=FILE, for one; may be repeated
    #[arg(
        long = "registry-ca",
        env = "TAGGER_REGISTRY_CAS",
        value_name = "[HOST=]FILE",
        value_delimiter = ','
    )]
    pub authorities: Vec<AuthorityFile>,

    /// A registry in which names without a host are looked up, in the order given; may be repeated. Without it, those of
    /// --registries-conf count, and docker.io where that names none
    #[arg(
        long = "unqualified-registry",
        env = "TAGGER_UNQUALIFIED_REGISTRIES",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub unqualified: Vec<Registry>,

    /// A registries.conf, version 2, with mirrors, other locations and what is blocked
    #[arg(long, env = "TAGGER_REGISTRIES_CONF", value_name = "FILE")]
    pub registries_conf: Option<PathBuf>,

    /// A docker config.json with credentials for registries, used for every Tag after those of its namespace; it is read again
    /// when it changes
    #[arg(long, env = "TAGGER_DOCKER_CONFIG", value_name = "FILE")]
    pub docker_config: Option<PathBuf>,

    /// How many requests one registry is asked at once; work that can wait, such as polls, takes at most half of them
    #[arg(
        long = "registry-requests",
        env = "TAGGER_REGISTRY_REQUESTS",
        value_name = "NUMBER",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub requests: u16,

    /// How many requests one registry is asked a second, after a burst of four seconds' worth; 0 for no limit but the registry's
    /// own
    #[arg(
        long = "registry-rate",
        env = "TAGGER_REGISTRY_RATE",
        value_name = "NUMBER",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(0..=100_000)
    )]
    pub rate: u32,
}

/// One host, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any host.
    All,
    /// This host.
    One(Registry),
}

impl FromStr for Hosts {
    type Err = <Registry as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "*" => Ok(Self::All),
            host => host.parse().map(Self::One),
        }
    }
}

/// A file of certificate authorities, and the one registry that they count for, if not for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityFile {
    /// The registry, or none for all.
    pub registry: Option<Registry>,
    /// The file.
    pub file: PathBuf,
}

impl FromStr for AuthorityFile {
    type Err = <Registry as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((host, file)) => Ok(Self { registry: Some(host.parse()?), file: file.into() }),
            None => Ok(Self { registry: None, file: text.into() }),
        }
    }
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: u64 = text.parse().map_err(|_| "must be a whole number of seconds".to_owned())?;
    (seconds <= 600).then(|| Duration::from_secs(seconds)).ok_or_else(|| "must be at most 600".to_owned())
}

fn lease_seconds(text: &str) -> Result<Duration, String> {
    let lasts = seconds(text)?;
    let right = Duration::from_secs(1)..=Duration::from_secs(300);
    right.contains(&lasts).then_some(lasts).ok_or_else(|| "must be from 1 to 300".to_owned())
}

fn https(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}"))?;
    match (url.scheme(), url.path(), url.query()) {
        ("https", "/", None) => Ok(url),
        _ => Err("must be https://HOST[:PORT] and nothing more".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use rstest::rstest;

    fn run(flags: &[&str]) -> Result<Box<Run>, String> {
        match Arguments::try_parse_from([&["tagger", "run"], flags].concat()) {
            Ok(Arguments { command: Command::Run(run) }) => Ok(run),
            Ok(_) => unreachable!("the command is run"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn registries_may_be_repeated() {
        let flags = ["--insecure-registry", "localhost:5000", "--insecure-registry", "127.0.0.1:5001"];
        assert_eq!(run(&flags).unwrap().registries.insecure.len(), 2);
    }

    #[test]
    fn an_authority_is_for_all_registries_or_for_one() {
        let flags = ["--registry-ca", "/etc/ca.pem", "--registry-ca", "quay.io=/etc/quay.pem"];
        let authorities = run(&flags).unwrap().registries.authorities;
        assert_eq!(authorities[0], AuthorityFile { registry: None, file: "/etc/ca.pem".into() });
        assert_eq!(authorities[1].registry, Some("quay.io".parse().unwrap()));
    }

    #[rstest]
    #[case(&["--admission-url", "http://127.0.0.1:9443"], "must be https://HOST")]
    #[case(&["--admission-url", "https://127.0.0.1:9443/x"], "must be https://HOST")]
    #[case(&["--insecure-registry", "http://quay.io"], "no registry")]
    #[case(&["--imports", "0"], "1..=1024")]
    #[case(&["--registry-requests", "0"], "1..=1024")]
    #[case(&["--registry-rate", "fast"], "invalid digit")]
    #[case(&["--lease-duration", "0"], "from 1 to 300")]
    #[case(&["--drain", "soon"], "whole number of seconds")]
    #[case(&["--log-format", "xml"], "text, json")]
    fn a_wrong_value_is_refused_with_the_flag_and_what_is_right(#[case] flags: &[&str], #[case] right: &str) {
        let error = run(flags).unwrap_err();
        assert!(error.contains(flags[0]) && error.contains(right), "{error}");
    }
}

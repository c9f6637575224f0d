use std::net::SocketAddr;

use clap::Args;
use tagger_receiver::Provider;

/// How notifications of pushes come in.
#[derive(Debug, Args)]
pub struct Receiver {
    /// Where the push notifications of all registries are taken, over plain HTTP, at the path /PROVIDER or, where a registry can
    /// send no header, /PROVIDER/SECRET
    #[arg(long, env = "TAGGER_RECEIVER_ADDRESS", value_name = "ADDRESS", default_value = "0.0.0.0:8082")]
    pub receiver_address: SocketAddr,

    /// The Secret, in Tagger's own namespace, of what registries authenticate with: a key for each provider. It may be missing,
    /// and change at any time. A provider that has no key is answered 404
    #[arg(long, env = "TAGGER_RECEIVER_SECRET", value_name = "NAME", default_value = "tagger-receiver")]
    pub receiver_secret: String,

    /// A provider whose notifications are taken from anybody, where the Secret has no key for it; may be repeated
    #[arg(long, env = "TAGGER_RECEIVER_OPEN", value_name = "PROVIDER", value_delimiter = ',')]
    pub receiver_open: Vec<Provider>,

    /// Where the notifications of Docker Hub are taken, and nothing else, so that this can be shown to the internet and the rest
    /// not
    #[arg(
        long,
        env = "TAGGER_DOCKER_WEBHOOKS_ADDRESS",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8083"
    )]
    pub docker_webhooks_address: SocketAddr,

    /// Where the notifications of Quay are taken, and nothing else
    #[arg(
        long,
        env = "TAGGER_QUAY_WEBHOOKS_ADDRESS",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8084"
    )]
    pub quay_webhooks_address: SocketAddr,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Whole {
        #[command(flatten)]
        receiver: Receiver,
    }

    #[test]
    fn providers_are_opened_by_name_and_others_are_refused_with_the_names() {
        let flags = ["tagger", "--receiver-open", "distribution", "--receiver-open", "zot,quay"];
        let open = Whole::try_parse_from(flags).unwrap().receiver.receiver_open;
        assert_eq!(open, [Provider::Distribution, Provider::Zot, Provider::Quay]);
        let error = Whole::try_parse_from(["tagger", "--receiver-open", "all"]).unwrap_err().to_string();
        assert!(error.contains("docker-hub, quay, github"), "{error}");
    }
}

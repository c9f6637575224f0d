//! The receiver of push notifications: its sockets, its Secret, and what comes out of it.

mod secret;

use std::net::TcpListener;

use anyhow::{Context, Result};
use axum::Router;
use futures::Stream;
use futures::future::try_join3;
use kube::Client;
use prometheus_client::registry::Registry;
use tagger_core::reference::Reference;
use tagger_receiver::server::{self, Limits, ServeError};
use tagger_receiver::{Provider, Settings};
use tokio_util::sync::CancellationToken;

use crate::arguments::Receiver as Flags;
use crate::run::listen;

/// The sockets of the receiver, before anything is taken in.
pub(crate) struct Receiving {
    all: TcpListener,
    docker: TcpListener,
    quay: TcpListener,
}

/// The receiver, ready to be served.
pub(crate) struct Open {
    sockets: Receiving,
    receiver: tagger_receiver::Receiver,
    _secret: secret::Watching,
}

impl Receiving {
    /// Listens on all addresses. One that can't be had is an error that names the flag.
    pub(crate) fn listen(flags: &Flags) -> Result<Self> {
        Ok(Self {
            all: listen(flags.receiver_address, "--receiver-address")?,
            docker: listen(flags.docker_webhooks_address, "--docker-webhooks-address")?,
            quay: listen(flags.quay_webhooks_address, "--quay-webhooks-address")?,
        })
    }

    /// Begins to watch the Secret, and gives the tags that will be told of.
    pub(crate) fn open(
        self,
        client: Client,
        namespace: &str,
        flags: &Flags,
    ) -> Result<(Open, impl Stream<Item = Vec<Reference>> + Send + 'static)> {
        let (watching, secrets) = secret::watch(client, namespace, &flags.receiver_secret);
        let settings =
            Settings { open: flags.receiver_open.iter().copied().collect(), ..Settings::default() };
        for provider in &settings.open {
            tracing::warn!(%provider, "notifications are taken from anybody, unless the Secret has a key for this provider");
        }
        let (receiver, pushes) = tagger_receiver::Receiver::new(settings, secrets)
            .context("push notifications can't be received")?;
        Ok((Open { sockets: self, receiver, _secret: watching }, pushes))
    }
}

impl Open {
    /// Has what is counted told in this registry of metrics.
    pub(crate) fn register(&self, metrics: &mut Registry) {
        self.receiver.register(metrics);
    }

    /// Takes notifications until told to stop.
    pub(crate) async fn serve(self, stop: CancellationToken) -> Result<(), ServeError> {
        let serve = |socket: TcpListener, router: Router| {
            server::serve(socket, router, Limits::default(), stop.clone().cancelled_owned())
        };
        let Receiving { all, docker, quay } = self.sockets;
        let receiver = &self.receiver;
        try_join3(
            serve(all, receiver.router()),
            serve(docker, receiver.router_of(Provider::DockerHub)),
            serve(quay, receiver.router_of(Provider::Quay)),
        )
        .await?;
        Ok(())
    }
}

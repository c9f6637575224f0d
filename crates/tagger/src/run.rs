//! `tagger run`: the parts put together, and taken down in order.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use kube::Client;
use tagger_admission::registration::{Endpoint, Registration};
use tagger_admission::{router, server};
use tagger_api::index::TagIndex;
use tagger_certificates::injection::Webhooks;
use tagger_certificates::keeper::{self, Keeper};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Admission, Run};
use crate::receiver::Receiving;
use crate::{cache, certificate, health, logging, registries, shutdown};

/// The port of the webhook's Service.
const SERVICE_PORT: u16 = 443;

/// How long an API call may take. A watch is a call as well, and ends and begins anew within this.
const CALL_LIMIT: Duration = Duration::from_secs(295);

/// Runs the operator until it is told to stop.
pub(crate) fn run(flags: Run) -> Result<()> {
    logging::start(flags.log_format, &flags.log_level)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if provider.install_default().is_err() {
        anyhow::bail!("TLS was set up twice");
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime can't be started")?
        .block_on(serve(flags))
}

async fn serve(flags: Run) -> Result<()> {
    let is_inside = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    anyhow::ensure!(
        is_inside || flags.admission.admission_url.is_some(),
        "--admission-url is needed outside of a cluster: the address at which the API server reaches this process, such as \
         https://127.0.0.1:9443; behind the Service, nobody would answer it"
    );
    let registry = registries::client(&flags.registries)?;
    let cache = cache::settings(&flags.cache, cache::password(), is_inside)?;
    let admission = listen(flags.admission.admission_address, "--admission-address")?;
    let health = listen(flags.health_address, "--health-address")?;
    let receiving = Receiving::listen(&flags.receiver)?;
    let client = client().await?;
    let stop = shutdown::on_signal()?;

    let keeper = Keeper::start(client.clone(), keeping(&flags.admission, &flags.namespace))
        .context("TLS can't be set up")?;
    tokio::spawn(certificate::tell(
        client.clone(),
        flags.namespace.clone(),
        flags.instance.clone(),
        keeper.problem(),
    ));
    let listed = watch::Sender::new(false);
    let leaving = watch::Sender::new(true);
    let checks = Arc::new(vec![
        ("watches", listed.subscribe()),
        ("certificate", keeper.ready()),
        ("not leaving", leaving.subscribe()),
    ]);
    let (receiving, pushes) = receiving.open(client.clone(), &flags.namespace, &flags.receiver)?;
    let mut metrics = prometheus_client::registry::Registry::default();
    receiving.register(&mut metrics);
    registry.register(&mut metrics);
    let counted = tagger_controller::Metrics::default();
    counted.register(&mut metrics);
    // Health is told to the very end, so that whoever asks hears why the process is not ready.
    let ended = CancellationToken::new();
    let health = tokio::net::TcpListener::from_std(health)?;
    let health =
        tokio::spawn(health::serve(health, checks, keeper.problem(), Arc::new(metrics), ended.clone()));

    let index = Arc::new(TagIndex::default());
    let router = router::router(router::Settings::new(&flags.namespace), index.clone());
    let limits = server::Limits { linger: flags.drain, ..server::Limits::default() };
    // A part that ends by itself takes the others with it: half an operator is worse than one that is started again.
    let webhook = async {
        let _ending = stop.clone().drop_guard();
        server::serve(admission, keeper.tls(), router, limits, stop.clone().cancelled_owned()).await
    };
    let settings = tagger_controller::Settings {
        instance: flags.instance,
        namespace: flags.namespace.clone(),
        imports: flags.imports.into(),
        mirrors: flags.mirrors.into(),
        roll_outs: flags.roll_outs,
        cache,
        metrics: counted,
    };
    // The controller ends first when told to, and that is in order: `/healthz` is not to call it dead while admission drains.
    let _listed = listed.clone();
    let controller = async {
        let _ending = stop.clone().drop_guard();
        tagger_controller::run(client, registry, settings, index, pushes.boxed(), listed, stop.clone()).await;
        stop.is_cancelled()
    };
    let receiver = async {
        let _ending = stop.clone().drop_guard();
        receiving.serve(stop.clone()).await
    };
    let leave = async {
        stop.cancelled().await;
        leaving.send_replace(false);
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), namespace = flags.namespace, "started");
    // The index lives while the controller's watches do; admission goes on from it while endpoints drain.
    let (served, was_told, received, ()) = tokio::join!(webhook, controller, receiver, leave);
    ended.cancel();
    let _ = health.await;
    tracing::info!("ended");
    served.context("admission is served no more")?;
    received.context("push notifications are taken no more")?;
    anyhow::ensure!(was_told, "the controller ended by itself; please report this, with the log");
    Ok(())
}

/// The client of the API server, with a limit on every call.
async fn client() -> Result<Client> {
    let mut config = kube::Config::infer()
        .await
        .context("no cluster is configured: set KUBECONFIG, or run in a Pod with a ServiceAccount")?;
    config.read_timeout = Some(CALL_LIMIT);
    config.write_timeout = Some(CALL_LIMIT);
    Client::try_from(config).context("the API server's address or credentials can't be used")
}

pub(crate) fn listen(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .with_context(|| format!("{flag} {address} can't be listened on; choose another one"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// How certificates and registration are kept: for the URL that was given, or for the Service.
fn keeping(flags: &Admission, namespace: &str) -> keeper::Settings {
    let endpoint = match &flags.admission_url {
        Some(url) => Endpoint::Url(url.to_string()),
        None => Endpoint::Service {
            namespace: namespace.to_owned(),
            name: flags.admission_service.clone(),
            port: SERVICE_PORT,
        },
    };
    let names = vec![endpoint.host()];
    let registration = Registration { endpoint, namespace: namespace.to_owned() };
    let build = move |bundle: &str, conditions: bool| Webhooks {
        mutating: registration.mutating(bundle.as_bytes(), conditions),
        validating: registration.validating(bundle.as_bytes()),
    };
    let folder = flags.admission_certificate.clone();
    keeper::Settings { folder, ..keeper::Settings::new(namespace, names, Arc::new(build)) }
}

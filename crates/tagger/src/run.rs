//! `tagger run`: the parts put together, and taken down in order.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::client::ClientBuilder;
use tagger_admission::registration::{Endpoint, Registration};
use tagger_admission::{router, server};
use tagger_api::index::TagIndex;
use tagger_certificates::injection::Webhooks;
use tagger_certificates::keeper::{self, Expiry, Keeper};
use tagger_controller::leadership::Leadership;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Admission, Run};
use crate::election::Candidate;
use crate::health::{Check, Pulse, Told};
use crate::metrics::api_server::Requests;
use crate::receiver::Receiving;
use crate::traces::Traces;
use crate::{cache, certificate, health, logging, metrics, registries, shutdown};

/// The port of the webhook's Service.
const SERVICE_PORT: u16 = 443;

/// How long an API call may take. A watch is a call as well, and ends and begins anew within this.
const CALL_LIMIT: Duration = Duration::from_secs(295);

/// What it means where a check of readiness fails.
const WATCHES: &str =
    "not all Tags and workloads are known yet; where that lasts, the log says which list fails, and why";
const CERTIFICATE: &str =
    "none is served yet that the API server was told to trust; where that lasts, the log says why";
const LEAVING: &str = "a signal to stop came; what is under way is finished";

/// Runs the operator until it is told to stop.
pub(crate) fn run(flags: Run) -> Result<()> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if provider.install_default().is_err() {
        anyhow::bail!("TLS was set up twice");
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime can't be started")?
        .block_on(told(flags))
}

/// Runs the operator, and tells of it.
async fn told(flags: Run) -> Result<()> {
    let traces = Traces::start(&flags.traces, &flags.namespace, &flags.instance)?;
    let (traces, tracer) = traces.unzip();
    logging::start(flags.log_format, &flags.log_level, tracer)?;
    let outcome = serve(flags).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    outcome
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
    let requests = Requests::default();
    let client = client(&requests).await?;
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
    let checks = vec![
        Check::new("watches", listed.subscribe(), WATCHES),
        Check::new("certificate", keeper.ready(), CERTIFICATE)
            .and(certificate_is_good(keeper.expiry(), keeper.problem())),
        Check::new("not leaving", leaving.subscribe(), LEAVING),
    ];
    let (receiving, pushes) = receiving.open(client.clone(), &flags.namespace, &flags.receiver)?;
    let mut metrics = metrics::registry(&requests, keeper.expiry());
    receiving.register(&mut metrics);
    registry.register(&mut metrics);
    let counted = tagger_controller::Metrics::default();
    counted.register(&mut metrics);
    let reviews = tagger_admission::metrics::Metrics::default();
    reviews.register(&mut metrics);
    // Health is told to the very end, so that whoever asks hears why the process is not ready.
    let health = health::start(health, Told { checks, pulse: Pulse::start(), metrics })?;

    let index = Arc::new(TagIndex::default());
    let settings = router::Settings { metrics: reviews, ..router::Settings::new(&flags.namespace) };
    let router = router::router(settings, index.clone());
    let limits = server::Limits { linger: flags.drain, ..server::Limits::default() };
    // What admission answers from, and those who tell the leader of pushes, end when nobody is served any more.
    let unserved = CancellationToken::new();
    // A part that ends by itself takes the others with it: half an operator is worse than one that is started again.
    let webhook = async {
        let _ending = stop.clone().drop_guard();
        server::serve(admission, keeper.tls(), router, limits, stop.clone().cancelled_owned()).await
    };
    let leadership = Leadership::default();
    let candidate = Candidate::new(
        client.clone(),
        &flags.namespace,
        &flags.lease,
        &flags.instance,
        flags.lease_duration,
        leadership.clone(),
    );
    let settings = tagger_controller::Settings {
        instance: flags.instance,
        leadership,
        namespace: flags.namespace.clone(),
        imports: flags.imports.into(),
        mirrors: flags.mirrors.into(),
        roll_outs: flags.roll_outs,
        roll_out_rate: flags.roll_out_rate,
        cache,
        metrics: counted,
    };
    let controller = async {
        let _ending = stop.clone().drop_guard();
        tagger_controller::run(client, registry, settings, index, pushes.boxed(), listed, unserved.clone())
            .await;
        unserved.is_cancelled()
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
    let serve = async {
        let _ending = unserved.clone().drop_guard();
        tokio::join!(webhook, receiver, leave)
    };
    let ((served, received, ()), was_told, ()) = tokio::join!(serve, controller, candidate.run(stop.clone()));
    health.end().await;
    tracing::info!("ended");
    served.context("admission is served no more")?;
    received.context("push notifications are taken no more")?;
    anyhow::ensure!(was_told, "the controller ended by itself; please report this, with the log");
    Ok(())
}

/// The client of the API server, with a limit on every call, and every call counted.
async fn client(requests: &Requests) -> Result<Client> {
    let mut config = kube::Config::infer()
        .await
        .context("no cluster is configured: set KUBECONFIG, or run in a Pod with a ServiceAccount")?;
    config.read_timeout = Some(CALL_LIMIT);
    config.write_timeout = Some(CALL_LIMIT);
    let builder =
        ClientBuilder::try_from(config).context("the API server's address or credentials can't be used")?;
    Ok(builder.with_layer(requests).build())
}

/// Whether the certificate that is served is good at the moment, until when, and what is in the way of the next one.
fn certificate_is_good(
    expiry: impl Fn() -> Expiry + Send + Sync,
    problem: watch::Receiver<Option<String>>,
) -> impl Fn() -> Result<String, String> + Send + Sync {
    move || match expiry().serving {
        Some(expires) if expires > Timestamp::now() => Ok(match &*problem.borrow() {
            Some(problem) => format!("expires at {expires}; {problem}"),
            None => format!("expires at {expires}"),
        }),
        Some(expires) => Err(format!("expired at {expires}, and can't be renewed; the log says why")),
        None => Err(CERTIFICATE.to_owned()),
    }
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
    let settings =
        keeper::Settings::new(namespace, names, Arc::new(build)).owned_by(&flags.registration_owner);
    keeper::Settings { folder, ..settings }
}

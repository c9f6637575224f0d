//! A Kubernetes control plane on loopback: etcd, the API server and the controller manager.
//!
//! There is no node. Deployments get ReplicaSets and Pods, CronJobs get Jobs, garbage is collected,
//! and each Pod stays pending with the image it was given, which is what tests look at.

mod flags;
mod kubeconfig;
mod version;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::{Certificate, Client, ClientBuilder, Identity};
use serde_json::Value;
use tokio::time::sleep;

use crate::assets::Assets;
use crate::authority::{Authority, Leaf};
use crate::kubectl::Kubectl;
use crate::leash::Leashed;
use crate::log::tail;
use crate::port::Port;
use crate::proxy::{Proxy, Upstream};
use crate::scratch::Scratch;
use crate::target::Target;

pub use version::Version;

/// How long a control plane may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The group whose members may do everything.
const ADMINISTRATORS: &str = "system:masters";

/// What a control plane is started with.
#[derive(Clone, Debug, Default)]
pub struct ControlPlaneOptions {
    /// More flags for the API server; of a flag given twice, the last one counts.
    pub api_server_flags: Vec<String>,
    /// More flags for the controller manager.
    pub controller_manager_flags: Vec<String>,
}

/// One of a control plane's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The API server's store.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controllers of Deployments, Jobs, garbage and the rest.
    ControllerManager,
}

/// A running control plane. It ends when it is dropped or when this process dies.
pub struct ControlPlane {
    etcd: Mutex<Option<Leashed>>,
    api_server: Mutex<Option<Leashed>>,
    controller_manager: Mutex<Option<Leashed>>,
    commands: Commands,
    authority: Authority,
    client: Client,
    version: Version,
    server: String,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    files: Scratch,
    _data: Scratch,
    ports: [Port; 3],
}

/// How each part is started, and started again.
struct Commands {
    etcd: Command,
    api_server: Command,
    controller_manager: Command,
}

impl ControlPlane {
    /// Starts a control plane and returns once its API server is ready.
    pub async fn start(assets: &Assets, options: &ControlPlaneOptions) -> Result<Self> {
        let version = Version::of(&assets.kube_apiserver).await?;
        let files = Scratch::on_disk()?;
        let data = Scratch::in_memory()?;
        let ports = [Port::take()?, Port::take()?, Port::take()?];
        let [client_port, peer_port, api_port] = [ports[0].number(), ports[1].number(), ports[2].number()];
        let server = format!("https://127.0.0.1:{api_port}");

        let authority = Authority::new("tagger test control plane")?;
        let administrator = authority.issue_client("admin", &[ADMINISTRATORS])?;
        let kubeconfig = files.write(
            "admin.kubeconfig",
            kubeconfig::render(&server, &authority.certificate(), &administrator),
        )?;
        let credentials = flags::Credentials::write(&files, &authority)?;
        let commands = Commands {
            etcd: flags::etcd(&assets.etcd, data.path(), client_port, peer_port),
            api_server: flags::api_server(
                &assets.kube_apiserver,
                &credentials,
                client_port,
                api_port,
                &options.api_server_flags,
            ),
            controller_manager: flags::controller_manager(
                &assets.kube_controller_manager,
                &credentials,
                &kubeconfig,
                version,
                &options.controller_manager_flags,
            ),
        };
        let control_plane = Self {
            etcd: Mutex::default(),
            api_server: Mutex::default(),
            controller_manager: Mutex::default(),
            commands,
            client: client(&authority, &administrator)?,
            authority,
            version,
            server,
            kubeconfig,
            kubectl: assets.kubectl.clone(),
            files,
            _data: data,
            ports,
        };
        control_plane.start_part(Part::Etcd)?;
        control_plane.start_api_server().await?;
        control_plane.start_part(Part::ControllerManager)?;
        Ok(control_plane)
    }

    /// The version of Kubernetes that runs here.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The API server's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Where etcd answers its clients, over plain HTTP.
    pub fn etcd(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0].number())
    }

    /// A kubeconfig file whose bearer may do everything.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The certificate, as PEM, that the API server's own is issued by.
    pub fn ca_certificate(&self) -> String {
        self.authority.certificate()
    }

    /// Makes a kubeconfig file for a client certificate of this user, a member of these groups.
    ///
    /// To act under the rights of a ServiceAccount, the user is `system:serviceaccount:NAMESPACE:NAME`
    /// and the groups are `system:serviceaccounts` and `system:serviceaccounts:NAMESPACE`.
    pub fn kubeconfig_for(&self, user: &str, groups: &[&str]) -> Result<PathBuf> {
        let leaf = self.authority.issue_client(user, groups)?;
        let name = format!("{}.kubeconfig", user.replace(|c: char| !c.is_alphanumeric(), "-"));
        self.files.write(&name, kubeconfig::render(&self.server, &self.authority.certificate(), &leaf))
    }

    /// Makes a kubeconfig file that has the rights of a ServiceAccount.
    pub fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        self.kubeconfig_for(
            &format!("system:serviceaccount:{namespace}:{name}"),
            &["system:serviceaccounts", &format!("system:serviceaccounts:{namespace}")],
        )
    }

    /// A proxy before the API server, that lets everyone in with the rights of a ServiceAccount, and a kubeconfig file that leads
    /// to it. What comes between an operator and its API server comes from there.
    pub async fn proxy_for_service_account(&self, namespace: &str, name: &str) -> Result<(Proxy, PathBuf)> {
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let groups = ["system:serviceaccounts", &format!("system:serviceaccounts:{namespace}")];
        let leaf = self.authority.issue_client(&user, &groups)?;
        // Watches are answers that last: there is no limit.
        let client = builder(&self.authority, &leaf)?.build().context("make a client for a proxy")?;
        let proxy = Proxy::before(Upstream::Registry(Target::by(&self.server, client)?)).await?;
        let file = format!("proxied-{}.kubeconfig", proxy.address().replace(':', "-"));
        let path =
            self.files.write(&file, kubeconfig::render_open(&format!("http://{}", proxy.address())))?;
        Ok((proxy, path))
    }

    /// Asks the API server as one who may do everything, without the cost of a kubectl. A body of a PATCH is a merge patch. Gives the
    /// status and the answer.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut request = self
            .client
            .request(method.parse()?, format!("{}{path}", self.server))
            .header("Content-Type", kind);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.unwrap_or(Value::Null)))
    }

    /// A kubectl whose user may do everything.
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.kubectl, &self.kubeconfig)
    }

    /// The log of one of the processes.
    pub fn log(&self, part: Part) -> PathBuf {
        self.files.path().join(format!("{part:?}.log"))
    }

    /// Starts the API server again, on the same port and data, and returns once it is ready.
    pub async fn start_api_server(&self) -> Result<()> {
        self.start_part(Part::ApiServer)?;
        self.wait_until_ready().await
    }

    /// Ends the API server at once, as a crash would; its clients see their connections break.
    pub fn stop_api_server(&self) -> Result<()> {
        self.kill_part(Part::ApiServer)
    }

    /// Starts a process that was ended, with the same flags, ports and data.
    pub fn start_part(&self, part: Part) -> Result<()> {
        let mut slot = self.slot(part);
        if slot.as_mut().is_some_and(Leashed::is_running) {
            bail!("{part:?} is running already");
        }
        let command = match part {
            Part::Etcd => &self.commands.etcd,
            Part::ApiServer => &self.commands.api_server,
            Part::ControllerManager => &self.commands.controller_manager,
        };
        *slot = Some(Leashed::spawn(command, &self.log(part))?);
        Ok(())
    }

    /// Ends a process at once, as a crash would.
    pub fn kill_part(&self, part: Part) -> Result<()> {
        match self.slot(part).take() {
            Some(mut process) => process.kill(),
            None => bail!("{part:?} is not running"),
        }
    }

    /// Sends a process a signal by its name: `STOP` makes it hang, `CONT` lets it go on.
    pub fn signal_part(&self, part: Part, signal: &str) -> Result<()> {
        match self.slot(part).as_mut() {
            Some(process) => process.signal(signal),
            None => bail!("{part:?} is not running"),
        }
    }

    /// Waits until the API server is ready and has the namespace that everything starts in.
    pub async fn wait_until_ready(&self) -> Result<()> {
        let start = Instant::now();
        for path in ["/readyz", "/api/v1/namespaces/default"] {
            let address = format!("{}{path}", self.server);
            while !self.client.get(&address).send().await.is_ok_and(|answer| answer.status().is_success()) {
                for part in [Part::Etcd, Part::ApiServer] {
                    if !self.slot(part).as_mut().is_some_and(Leashed::is_running) {
                        bail!(
                            "{part:?} ended while starting. The end of its log:\n{}",
                            tail(&self.log(part))
                        );
                    }
                }
                if start.elapsed() > PATIENCE {
                    bail!(
                        "the API server had no answer at {path} within {PATIENCE:?}. The end of its log:\n{}",
                        tail(&self.log(Part::ApiServer))
                    );
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    fn slot(&self, part: Part) -> MutexGuard<'_, Option<Leashed>> {
        let slot = match part {
            Part::Etcd => &self.etcd,
            Part::ApiServer => &self.api_server,
            Part::ControllerManager => &self.controller_manager,
        };
        slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // Nothing of it is kept, so nothing need end in good order; clients end before servers.
        for part in [Part::ControllerManager, Part::ApiServer, Part::Etcd] {
            let _ = self.kill_part(part);
        }
    }
}

fn client(authority: &Authority, administrator: &Leaf) -> Result<Client> {
    let client = builder(authority, administrator)?.timeout(Duration::from_secs(10));
    client.build().context("make a client for the API server")
}

fn builder(authority: &Authority, user: &Leaf) -> Result<ClientBuilder> {
    let ca = Certificate::from_pem(authority.certificate().as_bytes())?;
    let identity = Identity::from_pem(format!("{}\n{}", user.certificate, user.key).as_bytes())?;
    Ok(Client::builder().tls_certs_only([ca]).identity(identity).no_proxy())
}

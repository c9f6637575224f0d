//! The operator itself: the real program, against a control plane, with the rights of its ServiceAccount.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::control_plane::ControlPlane;
use crate::leash::Leashed;
use crate::port::Port;
use crate::scratch::Scratch;

/// How long the operator may take to be ready on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The namespace that the operator lives in, and the name of its account.
const TAGGER: &str = "tagger";

/// The manifests that an operator outside of the cluster needs: all but itself, and what is about its Pods.
const NEEDED: [&str; 4] = ["00_crd.yaml", "01_rbac.yaml", "02_admission.yaml", "03_receiver.yaml"];

/// The words that have kubectl install what an operator outside of the cluster needs.
///
/// kubectl refuses fields that an old server does not know, such as the rules in CEL, where the server itself drops them: there it
/// must be told not to look.
pub fn installation(control_plane: &ControlPlane, manifests: &Path) -> Vec<String> {
    let lenient = (control_plane.version().minor < 25).then(|| "--validate=false".to_owned());
    let files = NEEDED.iter().map(|name| format!("--filename={}", manifests.join(name).display()));
    ["apply".to_owned()].into_iter().chain(files).chain(lenient).collect()
}

/// What an operator is started with, beside its flags.
#[derive(Clone, Debug, Default)]
pub struct OperatorOptions {
    /// The cluster as it sees it; without one, the control plane itself, with the rights of its ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// The address that the API server is told to ask, where that is not the operator's own.
    pub admission_url: Option<String>,
    /// More variables for the process.
    pub environment: Vec<(String, String)>,
    /// More flags.
    pub flags: Vec<String>,
}

/// A `tagger run` on loopback, with the rights that `manifests/` give it and no others.
pub struct Operator {
    process: Mutex<Option<Leashed>>,
    command: Command,
    files: Scratch,
    ports: [Port; 5],
}

impl Operator {
    /// Starts the operator and returns once it is ready. The manifests must have been applied.
    pub async fn start(binary: &Path, control_plane: &ControlPlane, flags: &[String]) -> Result<Self> {
        let options = OperatorOptions { flags: flags.to_vec(), ..OperatorOptions::default() };
        Self::start_with(binary, control_plane, &options).await
    }

    /// Starts an operator in another way, and returns once it is ready. The manifests must have been applied.
    pub async fn start_with(
        binary: &Path,
        control_plane: &ControlPlane,
        options: &OperatorOptions,
    ) -> Result<Self> {
        let operator = Self::prepare(binary, control_plane, options)?;
        operator.start_again().await?;
        Ok(operator)
    }

    /// An operator that does not run yet.
    pub fn prepare(binary: &Path, control_plane: &ControlPlane, options: &OperatorOptions) -> Result<Self> {
        let files = Scratch::on_disk()?;
        let ports = [Port::take()?, Port::take()?, Port::take()?, Port::take()?, Port::take()?];
        let [admission, health, receiver, docker, quay] = ports.each_ref().map(Port::number);
        let own = control_plane.kubeconfig_for_service_account(TAGGER, TAGGER)?;
        let url = format!("https://127.0.0.1:{admission}");
        let mut command = Command::new(binary);
        // What a test may want otherwise is given by a variable: a flag of its own then counts.
        command
            .env("KUBECONFIG", options.kubeconfig.as_ref().unwrap_or(&own))
            .env("TAGGER_RECEIVER_ADDRESS", format!("127.0.0.1:{receiver}"))
            .env("TAGGER_DRAIN", "0")
            // One that was killed is started again at once.
            .env("TAGGER_LEASE_DURATION", "2")
            .envs(options.environment.iter().map(|(name, value)| (name, value)))
            .arg("run")
            .args(["--admission-address", &format!("127.0.0.1:{admission}")])
            .args(["--admission-url", options.admission_url.as_deref().unwrap_or(&url)])
            .args(["--health-address", &format!("127.0.0.1:{health}")])
            .args(["--docker-webhooks-address", &format!("127.0.0.1:{docker}")])
            .args(["--quay-webhooks-address", &format!("127.0.0.1:{quay}")])
            .args(&options.flags);
        Ok(Self { process: Mutex::default(), command, files, ports })
    }

    /// Starts the operator again, after it was stopped or killed, and returns once it is ready.
    pub async fn start_again(&self) -> Result<()> {
        self.launch()?;
        self.wait_until_ready().await
    }

    /// Ends the operator as a crash would.
    pub fn kill(&self) -> Result<()> {
        self.process().take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Asks the operator to end, and waits until it has.
    pub fn stop(&self) -> Result<()> {
        self.process().take().map_or(Ok(()), |mut process| process.stop())
    }

    /// Asks the operator to end, and waits until it has, in good order and however long it lets admission drain.
    pub async fn end(&self) -> Result<()> {
        let Some(mut process) = self.process().take() else { return Ok(()) };
        process.signal("TERM")?;
        let start = Instant::now();
        loop {
            match process.exit_status()? {
                Some(0) => return Ok(()),
                Some(status) => {
                    bail!("the operator ended with status {status}; it logged:\n{}", self.logged())
                }
                None if start.elapsed() > PATIENCE => {
                    bail!("the operator did not end; it logged:\n{}", self.logged());
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Sends the operator a signal by its name: `STOP` makes it hang, `CONT` lets it go on.
    pub fn signal(&self, signal: &str) -> Result<()> {
        match self.process().as_mut() {
            Some(process) => process.signal(signal),
            None => bail!("the operator does not run"),
        }
    }

    /// Starts the process and does not wait until it is ready.
    pub fn launch(&self) -> Result<()> {
        *self.process() = Some(Leashed::spawn(&self.command, &self.log())?);
        Ok(())
    }

    /// Where admission is answered: host and port.
    pub fn admission(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0].number())
    }

    /// Where the operator tells whether it is ready.
    pub fn readiness_url(&self) -> String {
        format!("{}/readyz", self.url(1))
    }

    /// Whether the process is there.
    pub fn is_running(&self) -> bool {
        self.process().as_mut().is_some_and(Leashed::is_running)
    }

    /// All that the operator logged, over all its lives.
    pub fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Where the operator takes push notifications: a URL without a path.
    pub fn receiver(&self) -> String {
        self.url(2)
    }

    /// Where it takes those of Docker Hub alone.
    pub fn docker_webhooks(&self) -> String {
        self.url(3)
    }

    /// Where it takes those of Quay alone.
    pub fn quay_webhooks(&self) -> String {
        self.url(4)
    }

    /// Where the operator tells what it counts.
    pub fn metrics_url(&self) -> String {
        format!("{}/metrics", self.url(1))
    }

    /// What it tells there, in the text format of Prometheus.
    pub async fn metrics(&self) -> Result<String> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(self.metrics_url()).send().await?.error_for_status()?;
        answer.text().await.context("read the operator's metrics")
    }

    fn url(&self, port: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[port].number())
    }

    /// What the operator logs.
    pub fn log(&self) -> PathBuf {
        self.files.path().join("operator.log")
    }

    /// The memory that the operator holds now and held at most, in KiB, as the kernel counts it.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let Some(pid) = self.process().as_ref().map(Leashed::pid) else { bail!("the operator does not run") };
        let status =
            fs::read_to_string(format!("/proc/{pid}/status")).context("read the operator's memory")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok())
                .with_context(|| format!("the kernel tells no {name}"))
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// Forgets how much memory was held at most: from here on, [`Self::memory`] tells the most since now.
    pub fn forget_peak(&self) -> Result<()> {
        let Some(pid) = self.process().as_ref().map(Leashed::pid) else { bail!("the operator does not run") };
        // See proc_pid_clear_refs(5): 5 stands for the peak.
        fs::write(format!("/proc/{pid}/clear_refs"), "5").context("reset the operator's peak of memory")
    }

    /// Waits until the operator is ready.
    pub async fn wait_until_ready(&self) -> Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let (start, ready) = (Instant::now(), self.readiness_url());
        loop {
            if client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let is_gone = !self.process().as_mut().is_some_and(Leashed::is_running);
            if is_gone || start.elapsed() > PATIENCE {
                let why = if is_gone { "ended" } else { "was not ready in time" };
                bail!("the operator {why}; it logged:\n{}", self.logged());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Leashed>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

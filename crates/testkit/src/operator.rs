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

/// The words that have kubectl install the manifests.
///
/// kubectl refuses fields that an old server does not know, such as the rules in CEL, where the server itself drops them: there it
/// must be told not to look.
pub fn installation(control_plane: &ControlPlane, manifests: &Path) -> Vec<String> {
    let lenient = (control_plane.version().minor < 25).then(|| "--validate=false".to_owned());
    let words = ["apply".to_owned(), "--filename".to_owned(), manifests.display().to_string()];
    words.into_iter().chain(lenient).collect()
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
        let files = Scratch::on_disk()?;
        let ports = [Port::take()?, Port::take()?, Port::take()?, Port::take()?, Port::take()?];
        let [admission, health, receiver, docker, quay] = ports.each_ref().map(Port::number);
        let mut command = Command::new(binary);
        command
            .env("KUBECONFIG", control_plane.kubeconfig_for_service_account(TAGGER, TAGGER)?)
            .env("TAGGER_RECEIVER_ADDRESS", format!("127.0.0.1:{receiver}"))
            .args(["run", "--drain", "0"])
            // One that was killed is started again at once.
            .args(["--lease-duration", "2"])
            .args(["--admission-address", &format!("127.0.0.1:{admission}")])
            .args(["--admission-url", &format!("https://127.0.0.1:{admission}")])
            .args(["--health-address", &format!("127.0.0.1:{health}")])
            .args(["--docker-webhooks-address", &format!("127.0.0.1:{docker}")])
            .args(["--quay-webhooks-address", &format!("127.0.0.1:{quay}")])
            .args(flags);
        let operator = Self { process: Mutex::default(), command, files, ports };
        operator.start_again().await?;
        Ok(operator)
    }

    /// Starts the operator again, after it was stopped or killed, and returns once it is ready.
    pub async fn start_again(&self) -> Result<()> {
        *self.process() = Some(Leashed::spawn(&self.command, &self.log())?);
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

    async fn wait_until_ready(&self) -> Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let (start, ready) = (Instant::now(), format!("{}/readyz", self.url(1)));
        loop {
            if client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let is_gone = !self.process().as_mut().is_some_and(Leashed::is_running);
            if is_gone || start.elapsed() > PATIENCE {
                let why = if is_gone { "ended" } else { "was not ready in time" };
                bail!(
                    "the operator {why}; it logged:\n{}",
                    fs::read_to_string(self.log()).unwrap_or_default()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Leashed>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

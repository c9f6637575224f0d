//! kubectl, for tests that look at a cluster the way its users do.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a call may take unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// A kubectl with somebody's credentials.
#[derive(Clone, Debug)]
pub struct Kubectl {
    /// The program.
    pub binary: PathBuf,
    /// The credentials it acts with.
    pub kubeconfig: PathBuf,
    /// How long a call may take.
    pub time_limit: Duration,
}

impl Kubectl {
    /// A kubectl that acts with the credentials of `kubeconfig`.
    pub fn new(binary: impl Into<PathBuf>, kubeconfig: impl Into<PathBuf>) -> Self {
        Self { binary: binary.into(), kubeconfig: kubeconfig.into(), time_limit: PATIENCE }
    }

    /// Runs kubectl and gives what it wrote to stdout; an error shows what it wrote to stderr.
    pub async fn run<A: AsRef<str>>(&self, arguments: &[A]) -> Result<String> {
        self.call(arguments, None).await
    }

    /// Creates or changes the objects of some YAML on the client's side.
    pub async fn apply(&self, yaml: &str) -> Result<String> {
        self.call(&["apply", "--filename=-"], Some(yaml)).await
    }

    /// Creates or changes the objects of some YAML on the server's side, taking fields over from others.
    pub async fn apply_server_side(&self, yaml: &str) -> Result<String> {
        self.call(&["apply", "--server-side", "--force-conflicts", "--filename=-"], Some(yaml)).await
    }

    /// Deletes the objects of some YAML and waits until they are gone.
    pub async fn delete(&self, yaml: &str) -> Result<String> {
        self.call(&["delete", "--ignore-not-found", "--filename=-"], Some(yaml)).await
    }

    /// Runs a kubectl that prints objects and gives them as JSON.
    pub async fn json<A: AsRef<str>>(&self, arguments: &[A]) -> Result<Value> {
        let mut arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        arguments.push("--output=json");
        let text = self.run(&arguments).await?;
        serde_json::from_str(&text).context("kubectl printed something other than JSON")
    }

    /// Runs kubectl with some input, for what the other methods don't cover.
    pub async fn run_with_input<A: AsRef<str>>(&self, arguments: &[A], input: &str) -> Result<String> {
        self.call(arguments, Some(input)).await
    }

    async fn call<A: AsRef<str>>(&self, arguments: &[A], input: Option<&str>) -> Result<String> {
        let said = || {
            let words: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
            format!("kubectl {}", words.join(" "))
        };
        let mut command = Command::new(&self.binary);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        // Its cache of what an API server offers is found by address, and our ports come back.
        command.arg("--cache-dir").arg(self.kubeconfig.with_extension("cache"));
        command.args(arguments.iter().map(AsRef::as_ref)).kill_on_drop(true);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("start {} for {}", self.binary.display(), said()))?;
        let pipe = child.stdin.take();
        let write = async {
            if let (Some(mut pipe), Some(input)) = (pipe, input) {
                // It may refuse its arguments before it reads; its own words say more than a broken pipe.
                let _ = pipe.write_all(input.as_bytes()).await;
            }
        };
        let work = async { tokio::join!(write, child.wait_with_output()).1 };
        let output = match timeout(self.time_limit, work).await {
            Ok(output) => output.with_context(|| format!("run {}", said()))?,
            Err(_) => bail!("{} took longer than {:?}", said(), self.time_limit),
        };
        if !output.status.success() {
            bail!("{} failed: {}", said(), String::from_utf8_lossy(&output.stderr).trim());
        }
        String::from_utf8(output.stdout)
            .with_context(|| format!("{} printed something other than text", said()))
    }
}

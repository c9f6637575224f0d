//! Prometheus itself: what people read our metrics with, and what checks rules about them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::assets;
use crate::leash::Leashed;
use crate::port::Port;
use crate::scratch::Scratch;

/// How long Prometheus may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Prometheus on loopback. It ends when it is dropped.
pub struct Prometheus {
    client: reqwest::Client,
    _process: Leashed,
    _files: Scratch,
    port: Port,
}

impl Prometheus {
    /// Starts Prometheus, which reads the metrics of these targets, each a host and port, so often.
    pub async fn start(targets: &[String], every: Duration) -> Result<Self> {
        let (files, port) = (Scratch::on_disk()?, Port::take()?);
        let seconds = every.as_secs().max(1);
        let targets = serde_json::to_string(targets)?;
        let configuration = format!(
            "global: {{ scrape_interval: {seconds}s }}\n\
             scrape_configs:\n- job_name: tagger\n  static_configs:\n  - targets: {targets}\n"
        );
        let address = format!("127.0.0.1:{}", port.number());
        let mut command = Command::new(assets::prometheus("prometheus").await?);
        command
            .arg(format!("--config.file={}", files.write("prometheus.yml", configuration)?.display()))
            .arg(format!("--storage.tsdb.path={}", files.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"));
        let log = files.path().join("prometheus.log");
        let process = Leashed::spawn(&command, &log)?;
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let prometheus = Self { client, _process: process, _files: files, port };
        let start = Instant::now();
        while !prometheus.is_ready().await {
            if start.elapsed() > PATIENCE {
                bail!("Prometheus was not ready in time; it logged:\n{}", std::fs::read_to_string(log)?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(prometheus)
    }

    /// Evaluates a query from one moment to another, in seconds since 1970, in steps of seconds. Gives each series with its labels.
    pub async fn range(&self, query: &str, (from, to): (u64, u64), step: u64) -> Result<Vec<Value>> {
        let (from, to, step) = (from.to_string(), to.to_string(), step.to_string());
        self.ask("query_range", &[("query", query), ("start", &from), ("end", &to), ("step", &step)]).await
    }

    /// Evaluates a query at a moment, in seconds since 1970. Gives each series with its labels.
    pub async fn at(&self, query: &str, moment: u64) -> Result<Vec<Value>> {
        self.ask("query", &[("query", query), ("time", &moment.to_string())]).await
    }

    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>> {
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", self.port.number());
        let answer: Value = self.client.get(url).query(query).send().await?.json().await?;
        ensure!(answer["status"] == "success", "{query:?}: {answer}");
        answer["data"]["result"]
            .as_array()
            .cloned()
            .with_context(|| format!("{query:?} gives no series: {answer}"))
    }

    async fn is_ready(&self) -> bool {
        let url = format!("http://127.0.0.1:{}/-/ready", self.port.number());
        self.client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }
}

/// Has Prometheus' own tool check rules, or run the tests of rules. What it says is the error where it finds something.
pub async fn promtool(words: &[&str], file: &Path) -> Result<String> {
    let mut command = Command::new(assets::prometheus("promtool").await?);
    command.args(words).arg(file).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "promtool {}: {said}", words.join(" "));
    Ok(said)
}

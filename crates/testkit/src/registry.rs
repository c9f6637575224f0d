//! A real registry on loopback: the CNCF distribution, as Debian packages it.
//!
//! It has no referrers API, so it exercises the fallback by tag; [`crate::proxy`] adds the API and
//! every kind of failure.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::assets::Assets;
use crate::authority::Authority;
use crate::leash::Leashed;
use crate::log::tail;
use crate::port::Port;
use crate::scratch::Scratch;
use crate::target::{Credentials, Target};

/// How long a registry may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The cheapest that bcrypt allows: each request of a test pays for it.
const BCRYPT_COST: u32 = 4;

/// What a registry is started with; by default it is plain HTTP and open to all.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    tls: bool,
    user: Option<Credentials>,
    receiver: Option<Receiver>,
}

/// Where the registry sends its notifications.
#[derive(Clone, Debug)]
struct Receiver {
    url: String,
    authorization: Option<String>,
}

impl RegistryOptions {
    /// Serves HTTPS, with a certificate of an authority of its own.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Lets in only this user, by basic authentication.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = Some(Credentials { user: name.to_owned(), password: password.to_owned() });
        self
    }

    /// Sends a notification of each push, pull and deletion to `url`, with this `Authorization`.
    pub fn notify(mut self, url: &str, authorization: Option<&str>) -> Self {
        self.receiver =
            Some(Receiver { url: url.to_owned(), authorization: authorization.map(str::to_owned) });
        self
    }
}

/// A running registry. It ends when it is dropped or when this process dies.
pub struct Registry {
    process: Mutex<Option<Leashed>>,
    binary: PathBuf,
    configuration: PathBuf,
    ca_file: Option<PathBuf>,
    target: Target,
    files: Scratch,
    port: Port,
}

impl Registry {
    /// Starts a registry and returns once it answers.
    pub async fn start(assets: &Assets, options: &RegistryOptions) -> Result<Self> {
        let files = Scratch::in_memory()?;
        let port = Port::take()?;
        let mut configuration = configuration(&files, &port);
        let mut ca = None;
        let mut ca_file = None;
        if options.tls {
            let authority = Authority::new("tagger test registry")?;
            let leaf = authority.issue_server(&[])?;
            configuration["http"]["tls"] = json!({
                "certificate": files.write("registry.crt", &leaf.certificate)?,
                "key": files.write("registry.key", &leaf.key)?,
            });
            ca_file = Some(files.write("ca.crt", authority.certificate())?);
            ca = Some(authority.certificate());
        }
        if let Some(Credentials { user, password }) = &options.user {
            let hash = bcrypt::hash(password, BCRYPT_COST).context("hash the registry user's password")?;
            let users = files.write("htpasswd", format!("{user}:{hash}\n"))?;
            configuration["auth"] = json!({"htpasswd": {"realm": "tagger test registry", "path": users}});
        }
        if let Some(receiver) = &options.receiver {
            configuration["notifications"] = notifications(receiver);
        }
        let scheme = if options.tls { "https" } else { "http" };
        let registry = Self {
            process: Mutex::default(),
            binary: assets.docker_registry.clone(),
            configuration: files.write("config.yml", configuration.to_string())?,
            ca_file,
            target: Target::new(
                &format!("{scheme}://127.0.0.1:{}", port.number()),
                ca.as_deref(),
                options.user.clone(),
            )?,
            files,
            port,
        };
        registry.start_again().await?;
        Ok(registry)
    }

    /// The registry's host and port, as image references begin.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// The file of the authority to trust, where the registry serves HTTPS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// The registry as a place to push to and to look at.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The registry's log, with a line for each request.
    pub fn log(&self) -> PathBuf {
        self.files.path().join("registry.log")
    }

    /// Ends the registry at once, as a crash would.
    pub fn stop(&self) -> Result<()> {
        match self.process().take() {
            Some(mut process) => process.kill(),
            None => bail!("the registry is not running"),
        }
    }

    /// Starts a stopped registry, on the same port and data, and returns once it answers.
    pub async fn start_again(&self) -> Result<()> {
        if self.process().as_mut().is_some_and(Leashed::is_running) {
            bail!("the registry is running already");
        }
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg(&self.configuration);
        *self.process() = Some(Leashed::spawn(&command, &self.log())?);
        self.wait_until_it_answers().await
    }

    /// Makes the registry hang (`STOP`), or go on (`CONT`).
    pub fn signal(&self, signal: &str) -> Result<()> {
        match self.process().as_mut() {
            Some(process) => process.signal(signal),
            None => bail!("the registry is not running"),
        }
    }

    /// Takes a blob's bytes away behind the registry's back, as its garbage collection would.
    pub fn lose_blob(&self, digest: &str) -> Result<()> {
        let Some((algorithm, hex)) = digest.split_once(':').filter(|(_, hex)| hex.len() > 2) else {
            bail!("{digest} is not a digest");
        };
        let folder =
            self.files.path().join("data/docker/registry/v2/blobs").join(algorithm).join(&hex[..2]).join(hex);
        std::fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))
    }

    async fn wait_until_it_answers(&self) -> Result<()> {
        let start = Instant::now();
        while !self.target.ping().await.is_ok_and(|status| status.is_success()) {
            if !self.process().as_mut().is_some_and(Leashed::is_running) || start.elapsed() > PATIENCE {
                bail!("the registry did not start. The end of its log:\n{}", tail(&self.log()));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn process(&self) -> MutexGuard<'_, Option<Leashed>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<Target> for Registry {
    fn as_ref(&self) -> &Target {
        &self.target
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Its data go with it, so it need not end in good order.
        let _ = self.stop();
    }
}

/// The registry's configuration; it reads YAML, and JSON is YAML.
fn configuration(files: &Scratch, port: &Port) -> Value {
    json!({
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": files.path().join("data")},
            "delete": {"enabled": true},
        },
        // With no secret of its own, a restarted registry refuses uploads that had begun before.
        "http": {"addr": format!("127.0.0.1:{}", port.number()), "secret": "of no value to anyone"},
    })
}

fn notifications(receiver: &Receiver) -> Value {
    let mut endpoint = json!({
        "name": "receiver",
        "url": receiver.url,
        "timeout": "5s",
        "threshold": 3,
        "backoff": "200ms",
    });
    if let Some(authorization) = &receiver.authorization {
        endpoint["headers"] = json!({"Authorization": [authorization]});
    }
    json!({"endpoints": [endpoint]})
}

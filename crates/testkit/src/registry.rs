//! A real registry on loopback: the CNCF distribution, as Debian packages it.
//!
//! It has no referrers API, so it exercises the fallback by tag; [`crate::proxy`] adds the API and
//! every kind of failure.

mod disk;
mod options;
mod storage;

use std::fs;
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
use disk::Disk;

pub use options::RegistryOptions;

/// How long a registry may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The cheapest that bcrypt allows: each request of a test pays for it.
const BCRYPT_COST: u32 = 4;

/// A running registry. It ends when it is dropped or when this process dies.
pub struct Registry {
    process: Mutex<Option<Leashed>>,
    binary: PathBuf,
    configuration: PathBuf,
    ca_file: Option<PathBuf>,
    target: Target,
    data: PathBuf,
    // Before the folder that it is mounted in, so that it is dropped before.
    disk: Option<Disk>,
    files: Scratch,
    port: Port,
}

impl Registry {
    /// Starts a registry and returns once it answers.
    pub async fn start(assets: &Assets, options: &RegistryOptions) -> Result<Self> {
        let files = Scratch::in_memory()?;
        let port = Port::take()?;
        let disk = options.disk.map(|bytes| Disk::mount(&files, bytes)).transpose()?;
        let data = disk.as_ref().map_or_else(|| files.path().join("data"), |disk| disk.path().to_owned());
        let mut configuration = options.configuration(&data, &port);
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
            data,
            disk,
            files,
            port,
        };
        registry.start_again().await?;
        if options.full {
            registry.fill_disk()?;
        }
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

    /// Begins or ends maintenance: the registry is started anew, on the same port and data.
    pub async fn set_read_only(&self, read_only: bool) -> Result<()> {
        self.reconfigure("/storage/maintenance/readonly/enabled", json!(read_only)).await
    }

    /// Lets manifests be deleted, or no longer: the registry is started anew, on the same port and data.
    pub async fn set_delete(&self, allowed: bool) -> Result<()> {
        self.reconfigure("/storage/delete/enabled", json!(allowed)).await
    }

    /// Takes up all the space that is left, where the registry has a disk of its own.
    pub fn fill_disk(&self) -> Result<()> {
        self.disk()?.fill()
    }

    /// Makes space again, as an administrator would: by what [`Self::fill_disk`] took and by what
    /// broken uploads left. The registry is started anew, for it never closes a broken upload.
    pub async fn free_disk(&self) -> Result<()> {
        self.stop()?;
        storage::forget_uploads(&self.data)?;
        self.disk()?.free()?;
        self.start_again().await
    }

    /// The digests of all that lies on the registry's disk, blobs and manifests, of all repositories.
    pub fn stored(&self) -> Result<Vec<String>> {
        storage::blobs(&self.data)
    }

    /// Whether the bytes of a blob or a manifest lie on the registry's disk, for any repository.
    pub fn stores(&self, digest: &str) -> Result<bool> {
        Ok(storage::blob(&self.data, digest)?.join("data").is_file())
    }

    /// Takes a blob's bytes away behind the registry's back, as its garbage collection would.
    pub fn lose_blob(&self, digest: &str) -> Result<()> {
        let folder = storage::blob(&self.data, digest)?;
        fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))
    }

    fn disk(&self) -> Result<&Disk> {
        self.disk.as_ref().context("the registry has no disk of its own: start it with disk_of or full_disk")
    }

    async fn reconfigure(&self, pointer: &str, value: Value) -> Result<()> {
        let mut configuration: Value = serde_json::from_slice(&fs::read(&self.configuration)?)?;
        let place = configuration.pointer_mut(pointer).context("the configuration has no such place")?;
        *place = value;
        fs::write(&self.configuration, configuration.to_string())?;
        self.stop()?;
        self.start_again().await
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

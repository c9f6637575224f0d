//! What a registry is started with.

use std::path::Path;

use serde_json::{Value, json};

use crate::port::Port;
use crate::target::Credentials;

/// The size of a disk that is full, which holds little more than the registry's own folders.
const LITTLE: u64 = 1 << 20;

/// What a registry is started with; by default it is plain HTTP, open to all, and lets manifests be
/// deleted.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    pub(super) tls: bool,
    pub(super) user: Option<Credentials>,
    pub(super) disk: Option<u64>,
    pub(super) full: bool,
    receiver: Option<Receiver>,
    keeps_all: bool,
    read_only: bool,
    foreign_layers: bool,
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

    /// Lets nothing be deleted, which is this registry's own default.
    ///
    /// Every DELETE, of what is there and of what isn't, is answered 405 with `UNSUPPORTED`. Where
    /// deletion is allowed: by digest 202, and all tags that point there are gone; again, or of an
    /// unknown digest, 404 `MANIFEST_UNKNOWN`; by tag always 400 `DIGEST_INVALID`.
    pub fn without_delete(mut self) -> Self {
        self.keeps_all = true;
        self
    }

    /// Takes nothing in and lets nothing be deleted, as during maintenance.
    ///
    /// Every POST, PATCH, PUT and DELETE is answered 405, with `Allow: GET, HEAD` and a line of
    /// plain text in place of a JSON body. See [`super::Registry::set_read_only`] for later.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Keeps its data on a disk of so many bytes, in memory. It needs root, to mount it.
    ///
    /// A PUT or PATCH that doesn't fit is answered 500 with `UNKNOWN` and a `detail` that ends in
    /// `no space left on device`; its bytes stay, and nobody can continue or delete that upload.
    pub fn disk_of(mut self, bytes: u64) -> Self {
        self.disk = Some(bytes);
        self
    }

    /// Keeps its data on a disk that is full from the start; see [`super::Registry::free_disk`].
    ///
    /// A POST of an upload or a mount and a PUT of a manifest are answered 500 with `UNKNOWN` and a
    /// `detail` that says `"Err":28`, with no words. Reads go on.
    pub fn full_disk(mut self) -> Self {
        self.full = true;
        self.disk_of(LITTLE)
    }

    /// Takes manifests whose layers name `urls`, whether or not the layers are there.
    ///
    /// Without this, such a manifest is answered 500 with `UNKNOWN` and `MANIFEST_BLOB_UNKNOWN`,
    /// even where every layer is there.
    pub fn foreign_layers(mut self) -> Self {
        self.foreign_layers = true;
        self
    }

    /// The registry's configuration; it reads YAML, and JSON is YAML.
    pub(super) fn configuration(&self, data: &Path, port: &Port) -> Value {
        let mut configuration = json!({
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {
                "filesystem": {"rootdirectory": data},
                "delete": {"enabled": !self.keeps_all},
                "maintenance": {"readonly": {"enabled": self.read_only}},
            },
            // With no secret of its own, a restarted registry refuses uploads that had begun before.
            "http": {"addr": format!("127.0.0.1:{}", port.number()), "secret": "of no value to anyone"},
        });
        if self.foreign_layers {
            configuration["validation"] = json!({"manifests": {"urls": {"allow": [".*"]}}});
        }
        if let Some(receiver) = &self.receiver {
            configuration["notifications"] = receiver.notifications();
        }
        configuration
    }
}

impl Receiver {
    fn notifications(&self) -> Value {
        let mut endpoint = json!({
            "name": "receiver",
            "url": self.url,
            "timeout": "5s",
            "threshold": 3,
            "backoff": "200ms",
        });
        if let Some(authorization) = &self.authorization {
            endpoint["headers"] = json!({"Authorization": [authorization]});
        }
        json!({"endpoints": [endpoint]})
    }
}

//! The flags of each process, over the versions of Kubernetes that are used in tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use rcgen::KeyPair;

use super::Version;
use crate::authority::Authority;
use crate::scratch::Scratch;

/// The first version whose controller manager has no port without TLS, nor a flag for it.
const NO_PLAIN_PORT: Version = Version::new(1, 24);

/// The files by which the parts know each other.
pub(super) struct Credentials {
    folder: PathBuf,
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    service_account_key: PathBuf,
    service_account_public_key: PathBuf,
}

impl Credentials {
    pub(super) fn write(files: &Scratch, authority: &Authority) -> Result<Self> {
        let serving =
            authority.issue_server(&["kubernetes", "kubernetes.default", "kubernetes.default.svc"])?;
        let service_accounts = KeyPair::generate()?;
        Ok(Self {
            folder: files.path().to_owned(),
            ca: files.write("ca.crt", authority.certificate())?,
            certificate: files.write("apiserver.crt", serving.certificate)?,
            key: files.write("apiserver.key", serving.key)?,
            service_account_key: files.write("service-accounts.key", service_accounts.serialize_pem())?,
            service_account_public_key: files
                .write("service-accounts.pub", service_accounts.public_key_pem())?,
        })
    }
}

pub(super) fn etcd(binary: &Path, data: &Path, client_port: u16, peer_port: u16) -> Command {
    let clients = format!("http://127.0.0.1:{client_port}");
    let peers = format!("http://127.0.0.1:{peer_port}");
    let mut command = Command::new(binary);
    command.arg(flag("data-dir", data.join("etcd")));
    command.arg(format!("--listen-client-urls={clients}")).arg(format!("--advertise-client-urls={clients}"));
    command.arg(format!("--listen-peer-urls={peers}")).arg(format!("--initial-advertise-peer-urls={peers}"));
    command.arg(format!("--initial-cluster=default={peers}"));
    // The data need not outlive a power cut, and a disk's syncs are most of a write's time.
    command.arg("--unsafe-no-fsync");
    command
}

pub(super) fn api_server(
    binary: &Path,
    files: &Credentials,
    etcd_port: u16,
    port: u16,
    more: &[String],
) -> Command {
    let mut command = Command::new(binary);
    command.arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"));
    command.arg(format!("--secure-port={port}"));
    command.args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"]);
    // Loopback may not be an endpoint of the `kubernetes` Service, and nothing here needs one.
    command.arg("--endpoint-reconciler-type=none");
    command.arg(flag("cert-dir", &files.folder));
    command.arg(flag("tls-cert-file", &files.certificate));
    command.arg(flag("tls-private-key-file", &files.key));
    command.arg(flag("client-ca-file", &files.ca));
    command.arg(flag("service-account-key-file", &files.service_account_public_key));
    command.arg(flag("service-account-signing-key-file", &files.service_account_key));
    command.arg("--service-account-issuer=https://kubernetes.default.svc");
    command.args([
        "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
    ]);
    // It would hold up Pods until a token is there for them, which no node will ever mount.
    command.arg("--disable-admission-plugins=ServiceAccount");
    command.args(more);
    command
}

pub(super) fn controller_manager(
    binary: &Path,
    files: &Credentials,
    kubeconfig: &Path,
    version: Version,
    more: &[String],
) -> Command {
    let mut command = Command::new(binary);
    command.arg(flag("kubeconfig", kubeconfig));
    command.arg(flag("service-account-private-key-file", &files.service_account_key));
    command.arg(flag("root-ca-file", &files.ca));
    command.args(["--leader-elect=false", "--controllers=*"]);
    // Tests roll many Deployments at once; the defaults spare a real cluster and make tests wait.
    command.args(["--kube-api-qps=1000", "--kube-api-burst=2000"]);
    // Two control planes on a machine would want the same default ports.
    command.arg("--secure-port=0");
    if version < NO_PLAIN_PORT {
        command.arg("--port=0");
    }
    command.args(more);
    command
}

fn flag(name: &str, path: impl AsRef<Path>) -> String {
    format!("--{name}={}", path.as_ref().display())
}

//! The binaries of a control plane and of a registry: found, or made.
//!
//! They are looked for in this order:
//!
//! 1. the folder that `KUBEBUILDER_ASSETS` names, as with envtest;
//! 2. the project's cache folder, see [`cache_folder`];
//! 3. Debian: Kubernetes 1.20.2 is built from Debian's source package with Debian's Go, and etcd,
//!    the registry and `kubectl` are taken out of Debian's packages. Nothing is installed in the
//!    system. It takes about six minutes on two cores, once.
//!
//! The archive that envtest downloads is left out: it has no `kube-controller-manager`, and with
//! no controller manager no Deployment gets a Pod, which is what most of our tests look at.

mod cache;
mod debian;
mod helm;
mod kubernetes;
mod step;

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use cache::cache_folder;

/// The variable that names a folder of control plane binaries to use as they are.
pub const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// Where each binary is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The controllers that make Pods from Deployments and collect garbage.
    pub kube_controller_manager: PathBuf,
    /// The API server's store.
    pub etcd: PathBuf,
    /// The command line client.
    pub kubectl: PathBuf,
    /// The CNCF distribution registry.
    pub docker_registry: PathBuf,
    /// Which source the API server came from.
    pub source: Source,
}

/// Where the API server came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The folder named by `KUBEBUILDER_ASSETS`.
    Variable,
    /// The project's cache folder, filled by an earlier run.
    Cache,
    /// Built just now from Debian's source package.
    Debian,
}

impl Assets {
    /// Finds every binary, and makes what can't be found, telling its progress on stderr.
    pub async fn obtain() -> Result<Self> {
        let named = env::var_os(ASSETS_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        tokio::task::spawn_blocking(|| Self::find_or_make(named))
            .await
            .context("obtaining the binaries was cut short")?
    }

    fn find_or_make(named: Option<PathBuf>) -> Result<Self> {
        let (control_plane, source) = match &named {
            Some(folder) => (folder.clone(), Source::Variable),
            None => kubernetes::folder()?,
        };
        let required = |name: &str| {
            let path = control_plane.join(name);
            if !path.is_file() {
                bail!(
                    "{} has no {name}.\nName a folder that has kube-apiserver and kube-controller-manager in \
                     {ASSETS_VARIABLE}, or unset it to have them built.",
                    control_plane.display()
                );
            }
            Ok(path)
        };
        step::say(&format!("the control plane comes from {source}: {}", control_plane.display()));
        // A folder of the user's choice comes first; then what the machine has; then Debian's.
        let nearby = |name: &str| {
            named
                .iter()
                .map(|folder| folder.join(name))
                .find(|path| path.is_file())
                .or_else(|| on_path(name))
                .map_or_else(|| debian::tool(name), Ok)
        };
        Ok(Self {
            kube_apiserver: required("kube-apiserver")?,
            kube_controller_manager: required("kube-controller-manager")?,
            etcd: nearby("etcd")?,
            kubectl: nearby("kubectl")?,
            docker_registry: nearby("docker-registry")?,
            source,
        })
    }
}

/// Finds skopeo in `PATH`, or else takes it out of Debian's packages, with the folder of libraries
/// that it then needs.
pub(crate) async fn skopeo() -> Result<(PathBuf, Option<PathBuf>)> {
    let find = || match on_path("skopeo") {
        Some(program) => Ok((program, None)),
        None => debian::skopeo().map(|(program, libraries)| (program, Some(libraries))),
    };
    tokio::task::spawn_blocking(find).await.context("obtaining skopeo was cut short")?
}

/// Finds Prometheus' server or its tool in `PATH`, or else takes both out of Debian's packages.
pub(crate) async fn prometheus(program: &'static str) -> Result<PathBuf> {
    let find = move || on_path(program).map_or_else(|| Ok(debian::prometheus()?.join(program)), Ok);
    tokio::task::spawn_blocking(find).await.context("obtaining Prometheus was cut short")?
}

/// Gives a Python with Helm's own code.
pub(crate) fn helm() -> Result<PathBuf> {
    helm::python()
}

/// Takes the library that has a program see another time out of Debian's packages.
pub(crate) async fn libfaketime() -> Result<PathBuf> {
    tokio::task::spawn_blocking(debian::libfaketime).await.context("obtaining libfaketime was cut short")?
}

impl fmt::Display for Assets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for path in [
            &self.kube_apiserver,
            &self.kube_controller_manager,
            &self.etcd,
            &self.kubectl,
            &self.docker_registry,
        ] {
            writeln!(out, "{}", path.display())?;
        }
        Ok(())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Variable => ASSETS_VARIABLE,
            Self::Cache => "the cache folder",
            Self::Debian => "Debian's source package, built just now",
        })
    }
}

/// The first file of that name in the folders of `PATH`.
fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder: PathBuf| folder.join(name))
        .find(|path: &PathBuf| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_folder_that_lacks_a_server_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = Assets::find_or_make(Some(folder.path().to_owned())).unwrap_err().to_string();
        assert!(error.contains("has no kube-apiserver") && error.contains(ASSETS_VARIABLE), "{error}");
        std::fs::write(folder.path().join("kube-apiserver"), "").unwrap();
        let error = Assets::find_or_make(Some(folder.path().to_owned())).unwrap_err().to_string();
        assert!(error.contains("has no kube-controller-manager"), "{error}");
    }
}

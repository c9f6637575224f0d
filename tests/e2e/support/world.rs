//! A control plane, a registry and an operator, together.

use std::path::{Path, PathBuf};

use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tagger_testkit::operator::{Operator, OperatorOptions, installation};
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tokio::sync::OnceCell;

/// All the parts of a cluster with Tagger in it.
pub struct World {
    pub control_plane: ControlPlane,
    pub registry: Registry,
    /// The same registry, seen through a proxy that counts and breaks requests. Tests share it: match by repository.
    pub proxy: Proxy,
    pub operator: Operator,
}

static SHARED: OnceCell<World> = OnceCell::const_new();

impl World {
    /// The world of all tests that break nothing.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(|| Self::start(&[])).await
    }

    /// A world of one's own, with more flags for the operator.
    pub async fn start(flags: &[&str]) -> Self {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, registry) = Self::without_operator(&assets).await;
        let proxy = Proxy::start(&registry).await.unwrap();
        let more = [&["--insecure-registry", proxy.address()], flags].concat();
        let operator = Self::operator(&control_plane, &registry, &more).await;
        Self { control_plane, registry, proxy, operator }
    }

    /// A control plane with the manifests, and a registry.
    pub async fn without_operator(assets: &Assets) -> (ControlPlane, Registry) {
        let control_plane = ControlPlane::start(assets, &ControlPlaneOptions::default()).await.unwrap();
        let registry = Registry::start(assets, &RegistryOptions::default()).await.unwrap();
        Self::install(&control_plane).await;
        (control_plane, registry)
    }

    /// Applies the manifests.
    pub async fn install(control_plane: &ControlPlane) {
        control_plane.kubectl().run(&installation(control_plane, &manifests())).await.unwrap();
    }

    /// An operator that may ask the registry.
    pub async fn operator(control_plane: &ControlPlane, registry: &Registry, flags: &[&str]) -> Operator {
        Self::operator_by(&Self::program(), control_plane, registry, flags).await
    }

    /// The same, run by another program.
    pub async fn operator_by(
        program: &Path,
        control_plane: &ControlPlane,
        registry: &Registry,
        flags: &[&str],
    ) -> Operator {
        let registry = registry.address();
        let flags: Vec<String> =
            ["--insecure-registry", &registry].iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
        Operator::start(program, control_plane, &flags).await.unwrap()
    }

    /// Where the operator's program is: beside the tests, also for those of other packages.
    pub fn program() -> PathBuf {
        if let Some(own) = option_env!("CARGO_BIN_EXE_tagger") {
            return own.into();
        }
        let tests = std::env::current_exe().unwrap();
        let program = tests.ancestors().nth(2).unwrap().join("tagger");
        assert!(program.is_file(), "{} is missing; cargo build --package tagger makes it", program.display());
        program
    }

    /// An operator that may ask the registry, started in a way of one's own.
    pub async fn operator_with(
        control_plane: &ControlPlane,
        registry: &Registry,
        mut options: OperatorOptions,
    ) -> Operator {
        options.flags.extend(["--insecure-registry".to_owned(), registry.address()]);
        Operator::start_with(&Self::program(), control_plane, &options).await.unwrap()
    }
}

/// Where the manifests are.
pub fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests")
}

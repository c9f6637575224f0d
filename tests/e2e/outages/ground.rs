//! A world whose every part may be broken, by one test at a time.

use tagger_testkit::assets::Assets;
use tagger_testkit::operator::OperatorOptions;
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::support::World;
use crate::support::cached::Cached;

/// A world with a cache, and with a proxy between the operator and the API server.
pub struct Ground {
    pub cached: Cached,
    /// What the operator takes for the API server.
    pub api: Proxy,
}

static SHARED: OnceCell<Mutex<Ground>> = OnceCell::const_new();

impl Ground {
    /// Has the ground to oneself, whole: whatever became of the test before.
    pub async fn take() -> MutexGuard<'static, Self> {
        let ground = SHARED.get_or_init(async || Mutex::new(Self::start().await)).await.lock().await;
        ground.heal().await;
        ground
    }

    async fn start() -> Self {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, registry) = World::without_operator(&assets).await;
        let (api, kubeconfig) = control_plane.proxy_for_service_account("tagger", "tagger").await.unwrap();
        let cache = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
        let (source, proxy) = (Proxy::start(&registry).await.unwrap(), Proxy::start(&cache).await.unwrap());
        let flags = [
            "--insecure-registry",
            source.address(),
            "--cache-registry",
            proxy.address(),
            "--cache-insecure",
        ];
        let options = OperatorOptions {
            kubeconfig: Some(kubeconfig),
            flags: flags.map(str::to_owned).into(),
            ..OperatorOptions::default()
        };
        let operator = World::operator_with(&control_plane, &registry, options).await;
        Self {
            cached: Cached {
                world: World { control_plane, registry, proxy: source, operator },
                cache,
                proxy,
            },
            api,
        }
    }

    /// The world without its cache.
    pub fn world(&self) -> &World {
        &self.cached.world
    }

    async fn heal(&self) {
        let World { control_plane, proxy, operator, .. } = self.world();
        for proxy in [&self.api, proxy, &self.cached.proxy] {
            proxy.heal();
            proxy.take_requests();
        }
        // An error says that it was not stopped.
        let _ = self.api.start_again().await;
        control_plane.wait_until_ready().await.unwrap();
        // It learns to be patient with an API server that fails, and each test is to meet it as it starts.
        operator.kill().unwrap();
        operator.start_again().await.unwrap();
    }
}

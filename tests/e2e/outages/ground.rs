//! Worlds whose every part may be broken, by one test at a time.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use tagger_testkit::assets::Assets;
use tagger_testkit::operator::OperatorOptions;
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::support::World;
use crate::support::cached::Cached;

/// A world with a cache, and with a proxy between the operator and the API server.
pub struct Ground {
    pub cached: Cached,
    /// What the operator takes for the API server.
    pub api: Proxy,
}

/// Tests run two at a time; each has a ground to itself.
static GROUNDS: [OnceCell<Ground>; 2] = [const { OnceCell::const_new() }; 2];
static FREE: Mutex<[bool; 2]> = Mutex::new([true; 2]);
static PLACES: Semaphore = Semaphore::const_new(2);

/// A ground that is one's own until this is dropped.
pub struct Taken {
    number: usize,
    ground: &'static Ground,
    _place: SemaphorePermit<'static>,
}

impl Deref for Taken {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        self.ground
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        FREE.lock().unwrap_or_else(PoisonError::into_inner)[self.number] = true;
    }
}

impl Ground {
    /// Has a ground to oneself, whole: whatever became of the test before.
    pub async fn take() -> Taken {
        let place = PLACES.acquire().await.unwrap();
        let number = {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            let number = free.iter().position(|free| *free).unwrap();
            free[number] = false;
            number
        };
        let ground = GROUNDS[number].get_or_init(Self::start).await;
        let taken = Taken { number, ground, _place: place };
        taken.heal().await;
        taken
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
        if operator.end().await.is_err() {
            operator.kill().unwrap();
        }
        operator.start_again().await.unwrap();
    }
}

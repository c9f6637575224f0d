//! Where the cache is, by the cluster's own word (KEP-1755), read with the rights that the manifests give.

use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tagger_controller::cache::{Cache, CacheProblem, CacheSettings};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::ControlPlane;

use crate::support::{World, run};

/// A cache that nobody has configured, as a Tagger that has just started knows it.
async fn cache(control_plane: &ControlPlane) -> Cache {
    let kubeconfig = control_plane.kubeconfig_for_service_account("tagger", "tagger").unwrap();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Cache::new(kube::Client::try_from(config).unwrap(), CacheSettings::default())
}

#[test]
fn the_cluster_says_where_its_registry_is_and_may_say_so_later() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, _registry) = World::without_operator(&assets).await;
        let kubectl = control_plane.kubectl();
        let say = async |hosting: &str| {
            let metadata = json!({ "name": "local-registry-hosting", "namespace": "kube-public" });
            let data = json!({ "localRegistryHosting.v1": hosting });
            let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data });
            kubectl.apply(&map.to_string()).await.unwrap();
        };
        let place = async || cache(&control_plane).await.place().await;

        let none = place().await.unwrap_err();
        assert_eq!((&none, none.reason()), (&CacheProblem::None, "NoCache"));
        assert!(none.to_string().contains("set CACHE_REGISTRY_ADDRESS"), "{none}");

        say("host: localhost:5001").await;
        let invalid = place().await.unwrap_err();
        assert_eq!(invalid.reason(), "CacheInvalid");
        assert!(invalid.to_string().contains("add hostFromClusterNetwork"), "{invalid}");

        say("{host: 'localhost:5001', hostFromClusterNetwork: 'kind-registry:5000'}").await;
        let known = cache(&control_plane).await;
        let found = known.place().await.unwrap();
        assert_eq!((found.registry().to_string().as_str(), found.is_plain()), ("kind-registry:5000", true));
        let digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let reference = found.reference("development", "myapp", &digest).unwrap().to_string();
        assert_eq!(reference, format!("localhost:5001/development/myapp@{digest}"));

        let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/cache");
        kubectl.run(&["apply", "-f", manifests]).await.unwrap();
        let beside = place().await.unwrap();
        let reached = (beside.registry().to_string(), beside.is_plain());
        assert_eq!(reached, ("tagger-cache.tagger.svc:5000".to_owned(), true));
        let reference = beside.reference("development", "myapp", &digest).unwrap().to_string();
        assert_eq!(reference, format!("localhost:30500/development/myapp@{digest}"));

        kubectl.run(&["delete", "rolebinding", "tagger", "--namespace", "kube-public"]).await.unwrap();
        assert_eq!(known.place().await, Ok(found), "what was read is believed for a while");
        let unread = crate::support::eventually("the right is gone", || async { place().await.err() }).await;
        assert_eq!(unread.reason(), "CacheUnknown");
        assert!(unread.to_string().contains("lacks the right"), "{unread}");
    });
}

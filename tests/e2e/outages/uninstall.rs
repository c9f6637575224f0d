//! Tagger is taken away, with all that follows Tags still there.

use serde_json::{Value, json};

use crate::support::world::manifests;
use crate::support::{Namespace, World, eventually, run};

/// How Tagger is taken away.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// All at once, and its Pods go some time after.
    AtOnce,
    /// File by file, the last one first.
    Backwards,
    /// All at once, after it has been dead for a while.
    WhileDead,
}

/// Both registrations, as far as they are there.
async fn registrations(here: &Namespace<'_>) -> Vec<Value> {
    let mut found = Vec::new();
    for kind in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}/tagger");
        let (status, object) = here.world.control_plane.ask("GET", &path, None).await.unwrap();
        assert!([200, 404].contains(&status), "{object}");
        found.extend((status == 200).then_some(object));
    }
    found
}

/// The manifests that this server understands, in their order.
fn files(world: &World) -> Vec<String> {
    let names = ["00_crd", "01_rbac", "02_admission", "03_receiver", "04_operator", "05_disruption"];
    // A PodDisruptionBudget of version v1 came with Kubernetes 1.21.
    let known = if world.control_plane.version().minor < 21 { 5 } else { 6 };
    names[..known].iter().map(|name| format!("{}/{name}.yaml", manifests().display())).collect()
}

/// A world with all that the manifests bring. The Pods of Tagger's Deployment stay pending; the operator is beside them.
async fn installed() -> World {
    let world = World::start(&["--registration-owner", "tagger"]).await;
    install(&world).await;
    world
}

async fn install(world: &World) {
    for file in files(world) {
        let words = ["apply", "--validate=false", "--filename", &file];
        world.control_plane.kubectl().run(&words).await.unwrap();
    }
}

/// Takes all away that the manifests brought.
async fn uninstall(world: &World, way: Way) {
    let kubectl = world.control_plane.kubectl();
    let delete = async |files: &[String]| {
        let named = files.iter().map(|file| format!("--filename={file}"));
        let words: Vec<_> =
            ["delete".to_owned(), "--timeout=50s".to_owned()].into_iter().chain(named).collect();
        kubectl.run(&words).await.unwrap();
    };
    let files = files(world);
    match way {
        Way::AtOnce => {
            delete(&files).await;
            world.operator.end().await.unwrap();
        }
        Way::Backwards => {
            for file in files.iter().rev() {
                delete(std::slice::from_ref(file)).await;
                if file.ends_with("04_operator.yaml") {
                    world.operator.end().await.unwrap();
                }
            }
        }
        Way::WhileDead => {
            world.operator.kill().unwrap();
            delete(&files).await;
        }
    }
}

#[test]
fn tagger_can_be_taken_away_with_workloads_and_tags_around_and_nothing_is_in_anybody_s_way() {
    run(async {
        let world = installed().await;
        for way in [Way::AtOnce, Way::Backwards, Way::WhileDead] {
            let here = Namespace::new(&world, "uninstall").await;
            let reference = here.ready_tag("myapp").await;
            here.push("other", "latest", 7).await;
            here.apply(&here.tag("other", json!({ "track": { "interval": "30s" } }))).await.unwrap();
            here.apply(&here.deployment("d", "myapp")).await.unwrap();
            assert_eq!(here.image_of("deployment", "d").await, Some(reference.clone()));
            for tag in here.list("tags").await {
                assert!(tag["metadata"]["finalizers"].is_null(), "{tag}");
            }
            uninstall(&world, way).await;

            eventually("nobody is asked any more", || async {
                registrations(&here).await.is_empty().then_some(())
            })
            .await;
            let (status, _) =
                world.control_plane.ask("GET", "/api/v1/namespaces/tagger", None).await.unwrap();
            assert_eq!(status, 404, "{way:?}: its namespace ended");
            // What runs goes on as it is, and may be scaled, changed and made anew.
            here.kubectl(&["scale", "deployment", "d", "--replicas=3"]).await.unwrap();
            eventually("three Pods with the digest", || async {
                let pods = here.list("pods").await;
                let image = |pod: &Value| pod["spec"]["containers"][0]["image"] == json!(reference);
                (pods.iter().filter(|pod| image(pod)).count() == 3).then_some(())
            })
            .await;
            here.kubectl(&["set", "image", "deployment/d", "app=nginx"]).await.unwrap();
            here.apply(&here.deployment("later", "myapp")).await.unwrap();
            assert_eq!(here.image_of("deployment", "later").await.unwrap(), "myapp");
            here.kubectl(&["delete", "namespace", &here.name, "--timeout=50s"]).await.unwrap();

            install(&world).await;
            world.operator.start_again().await.unwrap();
        }
        let here = Namespace::new(&world, "again").await;
        let reference = here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        assert_eq!(here.image_of("deployment", "d").await, Some(reference), "it can be had again");
    });
}

/// Where only the Deployment of Tagger goes, it is as when Tagger is away: the registration says what that means.
#[test]
fn without_its_deployment_tagger_is_away_and_refuses_nobody_who_does_not_ask_for_it() {
    run(async {
        let world = installed().await;
        let here = Namespace::new(&world, "half").await;
        let reference = here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        here.kubectl(&["delete", "deployment", "tagger", "--namespace=tagger"]).await.unwrap();
        world.operator.end().await.unwrap();
        let [mutating, validating] = &registrations(&here).await[..] else { panic!("both stay") };
        let (mutating, validating) = (&mutating["webhooks"][0], &validating["webhooks"][0]);
        assert_eq!(validating["failurePolicy"], "Ignore");
        let is_narrow = mutating["matchConditions"].as_array().is_some_and(|all| !all.is_empty());
        assert_eq!(mutating["failurePolicy"], if is_narrow { "Fail" } else { "Ignore" });

        here.kubectl(&["create", "deployment", "plain", "--image=nginx"]).await.unwrap();
        let mut annotated = here.deployment("late", "myapp");
        assert_eq!(here.apply(&annotated).await.is_err(), is_narrow);
        annotated["metadata"]["annotations"] = json!({});
        here.apply(&annotated).await.unwrap();
        here.apply(&here.tag("late", json!({}))).await.unwrap();
        here.kubectl(&["delete", "pods", "--all", "--wait=false", "--force"]).await.unwrap();
        eventually("its Pods are made anew", || async {
            let pods = here.list("pods").await;
            pods.iter().any(|pod| pod["spec"]["containers"][0]["image"] == json!(reference)).then_some(())
        })
        .await;
        here.kubectl(&["delete", "namespace", &here.name, "--timeout=50s"]).await.unwrap();
    });
}

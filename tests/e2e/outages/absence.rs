//! Nobody is there to answer: whoever runs goes on, and what came meanwhile is put right.

use serde_json::{Value, json};
use tagger_testkit::control_plane::Part;

use super::ground::Ground;
use crate::support::{Namespace, eventually, run};

/// The images of a Deployment's Pods.
async fn pods(here: &Namespace<'_>, deployment: &str) -> Vec<String> {
    let pods = here.list("pods").await;
    let of = pods.iter().filter(|pod| pod["metadata"]["labels"]["app"] == deployment);
    of.map(|pod| pod["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()).collect()
}

async fn wait_for_pods(here: &Namespace<'_>, deployment: &str, count: usize, image: &str) {
    eventually(&format!("{count} Pods of {deployment} with {image}"), || async {
        let pods = pods(here, deployment).await;
        (pods.len() == count && pods.iter().all(|pod| pod == image)).then_some(())
    })
    .await;
}

/// A CronJob whose Jobs are made by hand, as its controller makes them: nobody waits for the hour.
fn cron_job(here: &Namespace<'_>, image: &str) -> Value {
    let version = if here.world.control_plane.version().minor < 21 { "batch/v1beta1" } else { "batch/v1" };
    let containers = json!([{ "name": "app", "image": image }]);
    let template = json!({ "spec": { "restartPolicy": "Never", "containers": containers } });
    json!({
        "apiVersion": version, "kind": "CronJob",
        "metadata": { "name": "c", "annotations": { "image-tag": "true" } },
        "spec": { "schedule": "0 3 * * *", "jobTemplate": { "spec": { "template": template } } },
    })
}

/// The Job that the controller of CronJobs makes of one.
fn job_of(cron_job: &Value) -> Value {
    let metadata = &cron_job["metadata"];
    let owner = json!({
        "apiVersion": cron_job["apiVersion"], "kind": "CronJob", "name": metadata["name"], "uid": metadata["uid"],
        "controller": true, "blockOwnerDeletion": true,
    });
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": "hourly", "ownerReferences": [owner] },
        "spec": cron_job["spec"]["jobTemplate"]["spec"],
    })
}

/// Nobody is asked about what controllers make of workloads that are there: an hour or a moment makes no difference to them.
#[test]
fn an_operator_that_is_away_stops_no_pod_and_puts_right_what_came_meanwhile() {
    run(async {
        let ground = Ground::take().await;
        let world = ground.world();
        let here = Namespace::new(world, "away").await;
        let first = here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        here.apply(&cron_job(&here, "myapp")).await.unwrap();
        wait_for_pods(&here, "d", 1, &first).await;
        world.operator.kill().unwrap();

        here.kubectl(&["scale", "deployment", "d", "--replicas=3"]).await.or_else(refused(&here)).unwrap();
        let set = here.list("replicasets").await[0]["metadata"]["name"].as_str().unwrap().to_owned();
        if here.fails_closed() {
            // The Deployment is annotated, and nobody may write it now; what it made already may be scaled.
            here.kubectl(&["scale", "replicaset", &set, "--replicas=3"]).await.unwrap_or_default();
        } else {
            wait_for_pods(&here, "d", 3, &first).await;
        }
        // A node drains: Pods go, others come in their place.
        here.kubectl(&["delete", "pods", "--all", "--wait=false", "--grace-period=0", "--force"])
            .await
            .unwrap();
        eventually("Pods are there again", || async {
            let pods = pods(&here, "d").await;
            (!pods.is_empty() && pods.iter().all(|pod| *pod == first)).then_some(())
        })
        .await;
        // The CronJob's hour comes.
        let job = job_of(&here.get("cronjob", "c").await.unwrap());
        here.with_input(&["create", "-f", "-"], &job).await.unwrap();
        assert_eq!(here.image_of("job", "hourly").await, Some(first.clone()));
        here.kubectl(&["create", "deployment", "plain", "--image=nginx"]).await.unwrap();
        here.kubectl(&["create", "configmap", "anything", "--from-literal=a=b"]).await.unwrap();
        // What is written meanwhile comes in as the registration says.
        let second = here.push("myapp", "latest", 1).await;
        here.patch_tag("myapp", json!({ "generation": 1 })).await;
        let late = here.apply(&here.deployment("late", "myapp")).await;
        assert_eq!(late.is_err(), here.fails_closed(), "{late:?}");

        world.operator.start_again().await.unwrap();
        if here.fails_closed() {
            here.apply(&here.deployment("late", "myapp")).await.unwrap();
        }
        here.wait_for_generation("myapp", 1).await;
        for name in ["d", "late"] {
            here.wait_for_image("deployment", name, &second).await;
        }
        here.wait_for_image("cronjob", "c", &second).await;
    });
}

/// What to make of a write of an annotated workload that was refused: where that is the rule, nothing.
fn refused(here: &Namespace<'_>) -> impl FnOnce(String) -> Result<String, String> {
    let fails_closed = here.fails_closed();
    move |error| if fails_closed { Ok(error) } else { Err(error) }
}

#[test]
fn a_cluster_that_starts_cold_with_the_webhook_in_it_starts_without_the_operator() {
    run(async {
        let ground = Ground::take().await;
        let world = ground.world();
        let control_plane = &world.control_plane;
        let here = Namespace::new(world, "cold").await;
        let first = here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        wait_for_pods(&here, "d", 1, &first).await;
        let second = here.push("myapp", "latest", 1).await;
        // The power goes.
        world.operator.kill().unwrap();
        for part in [Part::ControllerManager, Part::ApiServer, Part::Etcd] {
            control_plane.kill_part(part).unwrap();
        }
        control_plane.start_part(Part::Etcd).unwrap();
        control_plane.start_api_server().await.unwrap();
        control_plane.start_part(Part::ControllerManager).unwrap();

        // All Pods of the cluster are made anew, those of the cluster itself and of Tagger among them.
        here.kubectl(&["delete", "pods", "--all", "--wait=false", "--grace-period=0", "--force"])
            .await
            .unwrap();
        let annotated = |namespace: &'static str| {
            let mut deployment = here.deployment("tagger-of-one-s-own", "registry.example/tagger:1");
            // Tagger's namespace enforces the Pod Security Standard, where the server knows it.
            let pod = &mut deployment["spec"]["template"]["spec"];
            pod["securityContext"] =
                json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
            pod["containers"][0]["securityContext"] =
                json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } });
            let deployment = deployment.to_string();
            async move {
                let place = format!("--namespace={namespace}");
                let words = [&place, "apply", "--filename=-"];
                control_plane.kubectl().run_with_input(&words, &deployment).await.unwrap();
                eventually("a Pod in a namespace that is left alone", || async {
                    let pods = control_plane.kubectl().json(&["get", "pods", &place]).await.unwrap();
                    pods["items"].as_array().is_some_and(|pods| !pods.is_empty()).then_some(())
                })
                .await;
                control_plane.kubectl().run(&["delete", "deployment", "--all", &place]).await.unwrap();
            }
        };
        annotated("tagger").await;
        annotated("kube-system").await;
        wait_for_pods(&here, "d", 1, &first).await;
        here.kubectl(&["create", "deployment", "plain", "--image=nginx"]).await.unwrap();
        let late = here.apply(&here.deployment("late", "myapp")).await;
        assert_eq!(late.is_err(), here.fails_closed(), "{late:?}");

        world.operator.start_again().await.unwrap();
        if here.fails_closed() {
            here.apply(&here.deployment("late", "myapp")).await.unwrap();
        }
        here.wait_for_image("deployment", "late", &first).await;
        here.go_to_generation("myapp", 1).await;
        for name in ["d", "late"] {
            here.wait_for_image("deployment", name, &second).await;
        }
    });
}

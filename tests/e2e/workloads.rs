//! Workloads: attached, left alone, refused, waited for, repaired.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Namespace, World, a_moment, eventually, run};

fn pod(image: &str) -> Value {
    json!({
        "restartPolicy": "Never",
        "initContainers": [{ "name": "init", "image": image }],
        "containers": [{ "name": "app", "image": image }, { "name": "other", "image": "docker.io/library/nginx:1.27" }],
    })
}

fn template(image: &str) -> Value {
    let mut pod = pod(image);
    pod["restartPolicy"] = json!("Always");
    json!({ "metadata": { "labels": { "app": "w" } }, "spec": pod })
}

/// A workload of a kind, annotated, in the version that every server serves.
fn workload(kind: &str, image: &str, cron_jobs: &str) -> Value {
    let selector = json!({ "matchLabels": { "app": "w" } });
    let job = json!({ "template": { "spec": pod(image) } });
    let (version, spec) = match kind {
        "Deployment" | "ReplicaSet" => {
            ("apps/v1", json!({ "selector": selector, "template": template(image) }))
        }
        "StatefulSet" => {
            ("apps/v1", json!({ "selector": selector, "serviceName": "w", "template": template(image) }))
        }
        "DaemonSet" => ("apps/v1", json!({ "selector": selector, "template": template(image) })),
        "CronJob" => (cron_jobs, json!({ "schedule": "0 3 * * *", "jobTemplate": { "spec": job } })),
        "Job" => ("batch/v1", job),
        "Pod" => ("v1", pod(image)),
        other => unreachable!("{other}"),
    };
    let metadata = json!({ "name": "w", "annotations": { "image-tag": "true" } });
    json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec })
}

fn cron_jobs(here: &Namespace<'_>) -> &'static str {
    if here.world.control_plane.version().minor < 21 { "batch/v1beta1" } else { "batch/v1" }
}

#[rstest]
fn every_kind_and_every_container_gets_the_digest(
    #[values("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job", "Pod")] kind: &str,
) {
    run(async {
        let here = Namespace::new(World::shared().await, "kinds").await;
        let first = here.ready_tag("myapp").await;
        here.apply(&workload(kind, "myapp", cron_jobs(&here))).await.unwrap();
        let object = here.get(kind, "w").await.unwrap().to_string();
        assert_eq!(object.matches(&format!(r#""image":"{first}""#)).count(), 2, "{object}");
        assert!(object.contains(r#""image":"docker.io/library/nginx:1.27""#), "{object}");

        let second = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        match kind {
            // What they run can't be changed in place: they keep the image they were made with.
            "Job" | "Pod" => {
                a_moment().await;
                assert_eq!(here.image_of(kind, "w").await.unwrap(), first);
            }
            _ => here.wait_for_image(kind, "w", &second).await,
        }
    });
}

#[test]
fn other_people_s_objects_stay_as_they_are() {
    run(async {
        let here = Namespace::new(World::shared().await, "others").await;
        here.ready_tag("myapp").await;
        let mut plain = here.deployment("plain", "myapp");
        plain["metadata"]["annotations"] = json!({});
        here.apply(&plain).await.unwrap();
        here.apply(&here.deployment("image", "docker.io/library/nginx:1.27")).await.unwrap();
        here.apply(&here.deployment("no-tag", "nginx")).await.unwrap();
        let names = ["plain", "image", "no-tag"];
        let mut before = Vec::new();
        for name in names {
            before.push(here.settled(name).await);
        }
        here.go_to_generation("myapp", 1).await;
        a_moment().await;
        for (name, before) in names.iter().zip(before) {
            assert_eq!(here.settled(name).await, before, "{name}");
            let object = here.get("deployment", name).await.unwrap().to_string();
            assert!(!object.contains("images.io/"), "{object}");
        }
    });
}

#[test]
fn a_dry_run_answers_as_it_would_be_and_leaves_nothing() {
    run(async {
        let here = Namespace::new(World::shared().await, "dry-run").await;
        let first = here.ready_tag("myapp").await;
        let dry = ["apply", "--dry-run=server", "-o", "json", "-f", "-"];
        let answer = here.with_input(&dry, &here.deployment("d", "myapp")).await.unwrap();
        assert!(answer.contains(&first), "{answer}");
        assert_eq!(here.get("deployment", "d").await, None);
        assert!(here.events_on("Deployment", "d").await.is_empty());
    });
}

#[test]
fn the_cluster_s_own_namespace_is_left_alone() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "system").await;
        let first = here.push("myapp", "latest", 0).await;
        let system = world.control_plane.kubectl();
        for object in [here.tag("myapp", json!({})), here.deployment("d", "myapp")] {
            let apply = ["--namespace=kube-system", "apply", "--filename=-"];
            system.run_with_input(&apply, &object.to_string()).await.unwrap();
        }
        system.run(&["--namespace=kube-system", "wait", "--for=condition=Ready", "tag/myapp"]).await.unwrap();
        a_moment().await;
        let stored =
            system.run(&["--namespace=kube-system", "get", "deployment", "d", "-o", "yaml"]).await.unwrap();
        assert!(stored.contains("image: myapp") && !stored.contains(&first), "{stored}");
    });
}

#[test]
fn strict_refuses_what_is_neither_a_tag_nor_has_a_registry() {
    run(async {
        let here = Namespace::new(World::shared().await, "strict").await;
        let first = here.ready_tag("myapp").await;
        let strict = |name: &str, image: &str| {
            let mut deployment = here.deployment(name, image);
            deployment["metadata"]["annotations"]["image-tag"] = json!("strict");
            deployment
        };
        here.apply(&strict("tag", "myapp")).await.unwrap();
        assert_eq!(here.image_of("deployment", "tag").await.unwrap(), first);
        here.apply(&strict("host", "quay.io/company/myapp:v1")).await.unwrap();
        for image in ["nginx", "company/myapp:v1"] {
            let refused = here.apply(&strict("neither", image)).await.unwrap_err();
            assert!(refused.contains(image) && refused.contains("app"), "{refused}");
        }
    });
}

#[test]
fn a_name_that_is_a_tags_and_an_images_is_the_tags_where_there_is_one_and_else_the_images() {
    run(async {
        let here = Namespace::new(World::shared().await, "both").await;
        here.apply(&here.deployment("image", "nginx")).await.unwrap();
        assert_eq!(here.image_of("deployment", "image").await.unwrap(), "nginx", "there is no such Tag");
        let first = here.ready_tag("nginx").await;
        here.apply(&here.deployment("tag", "nginx")).await.unwrap();
        assert_eq!(here.image_of("deployment", "tag").await.unwrap(), first);
        // What is written in full is never a Tag's name.
        for full in ["docker.io/library/nginx", "nginx:latest"] {
            here.apply(&here.deployment("full", full)).await.unwrap();
            assert_eq!(here.image_of("deployment", "full").await.unwrap(), full);
        }
        // Another namespace has other Tags.
        let there = Namespace::new(World::shared().await, "there").await;
        there.apply(&there.deployment("image", "nginx")).await.unwrap();
        assert_eq!(there.image_of("deployment", "image").await.unwrap(), "nginx");
    });
}

#[test]
fn a_tag_that_has_no_generation_yet_is_waited_for_and_then_stood_in_for() {
    run(async {
        let here = Namespace::new(World::shared().await, "pending").await;
        here.apply(&here.tag("myapp", json!({}))).await.unwrap();
        here.wait_for_condition("myapp", "Reconciling").await;
        here.apply(&here.deployment("waits", "myapp")).await.unwrap();
        let stand_in = format!("tag.invalid/{}/myapp:pending", here.name);
        assert_eq!(here.image_of("deployment", "waits").await.unwrap(), stand_in);
        for kind in ["Job", "Pod"] {
            let refused = here.apply(&workload(kind, "myapp", cron_jobs(&here))).await.unwrap_err();
            assert!(refused.contains("no generation yet"), "{refused}");
        }
        let first = here.push("myapp", "latest", 0).await;
        here.wait_for_image("deployment", "waits", &first).await;
        let before = here.settled("waits").await;
        here.apply(&here.deployment("waits", "myapp")).await.unwrap();
        assert_eq!(here.settled("waits").await, before);
    });
}

#[test]
fn a_tag_and_its_workloads_may_be_created_at_once() {
    run(async {
        let here = Namespace::new(World::shared().await, "at-once").await;
        let mut replica_sets = Vec::new();
        // Admission waits for two seconds. On a machine that is busy with other tests an import may take longer, but not every time.
        for round in ["one", "two", "three"] {
            let first = here.push(round, "latest", 0).await;
            let tag = here.tag(round, json!({ "generation": 0 }));
            let mut job = workload("Job", round, cron_jobs(&here));
            job["metadata"]["name"] = json!(round);
            let items = [tag, here.deployment(round, round), job];
            let applied = here.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items })).await;
            here.wait_for_image("deployment", round, &first).await;
            if applied.is_ok() {
                assert_eq!(here.image_of("job", round).await.unwrap(), first);
            }
            replica_sets.push(here.settled(round).await.replica_sets);
        }
        assert!(replica_sets.contains(&1), "one was right from the start: {replica_sets:?}");
    });
}

#[test]
fn a_workload_that_came_before_its_tag_is_attached_when_there_is_one() {
    run(async {
        let here = Namespace::new(World::shared().await, "before").await;
        here.apply(&here.deployment("early", "myapp")).await.unwrap();
        assert_eq!(here.image_of("deployment", "early").await.unwrap(), "myapp");
        let first = here.ready_tag("myapp").await;
        here.wait_for_image("deployment", "early", &first).await;
    });
}

#[test]
fn one_workload_may_follow_several_tags() {
    run(async {
        let here = Namespace::new(World::shared().await, "several").await;
        let (one, two) = (here.ready_tag("one").await, here.ready_tag("two").await);
        let mut both = here.deployment("both", "one");
        both["spec"]["template"]["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "side", "image": "two" }));
        here.apply(&both).await.unwrap();
        let moved = here.push("two", "latest", 1).await;
        here.go_to_generation("two", 1).await;
        eventually("the side container moved", || async {
            let object = here.get("deployment", "both").await?;
            let containers = &object["spec"]["template"]["spec"]["containers"];
            assert_eq!(containers[0]["image"], one, "the other one never moves");
            (containers[1]["image"] == moved).then_some(())
        })
        .await;
        assert_ne!(moved, two);
    });
}

#[test]
fn admission_goes_on_while_the_registry_is_away() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "black").await;
        let first = here.ready_tag("myapp").await;
        world.registry.stop().unwrap();
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        assert_eq!(here.image_of("deployment", "d").await.unwrap(), first);
    });
}

#[test]
fn an_operator_outlives_its_api_server() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "outage").await;
        let first = here.ready_tag("myapp").await;
        world.control_plane.stop_api_server().unwrap();
        a_moment().await;
        world.control_plane.start_api_server().await.unwrap();
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        here.wait_for_image("deployment", "d", &first).await;
        let second = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        here.wait_for_image("deployment", "d", &second).await;
    });
}

/// Without the webhook, whatever is written is stored as it is: the operator must put it right by itself.
#[test]
fn what_came_in_while_admission_was_away_is_repaired_and_applies_without_conflict() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "away").await;
        let first = here.ready_tag("myapp").await;
        let second = here.push("myapp", "latest", 1).await;
        here.with_input(&["apply", "--server-side", "-f", "-"], &here.deployment("there", "myapp"))
            .await
            .unwrap();

        world.operator.stop().unwrap();
        let webhooks = ["mutatingwebhookconfiguration/tagger", "validatingwebhookconfiguration/tagger"];
        here.kubectl(&[&["delete"], &webhooks[..]].concat()).await.unwrap();
        here.with_input(&["apply", "--server-side", "-f", "-"], &here.deployment("raw", "myapp"))
            .await
            .unwrap();
        assert_eq!(here.image_of("deployment", "raw").await.unwrap(), "myapp");
        here.apply(&here.tag("unseen", json!({}))).await.unwrap();
        let unseen = here.get("tag", "unseen").await.unwrap();
        assert_eq!(unseen["status"]["observedGeneration"], -1, "kstatus takes it as in progress");
        here.apply(&workload("Job", "myapp", cron_jobs(&here))).await.unwrap();
        world.operator.start_again().await.unwrap();
        here.wait_for_image("deployment", "raw", &first).await;
        eventually("the Job is told about", || async {
            here.events_on("Job", "w").await.contains(&"ImageNotWritten".to_owned()).then_some(())
        })
        .await;

        // Away again, and the operator may not register: now it must write the images itself, and own none of them after.
        let rights = here.get("clusterrole", "tagger").await.unwrap();
        let mut fewer = rights.clone();
        let rules = fewer["rules"].as_array_mut().unwrap();
        rules.retain(|rule| rule["apiGroups"][0] != "admissionregistration.k8s.io");
        here.apply(&fewer).await.unwrap();
        here.kubectl(&[&["delete"], &webhooks[..]].concat()).await.unwrap();
        here.go_to_generation("myapp", 1).await;
        for name in ["there", "raw"] {
            here.wait_for_image("deployment", name, &second).await;
            eventually("nothing is owned by the operator", || async {
                let arguments = ["get", "deployment", name, "--show-managed-fields", "-o", "json"];
                let object: Value = serde_json::from_str(&here.kubectl(&arguments).await.unwrap()).unwrap();
                let managers = object["metadata"]["managedFields"].as_array()?;
                (!managers.iter().any(|entry| entry["manager"] == "tagger")).then_some(())
            })
            .await;
        }

        // The first repair may have been by either: whichever came first, the webhook or the controller.
        eventually("the operator says that it wrote both by itself", || async {
            let told = here.list("events").await;
            let by_itself = told.iter().filter(|event| {
                let message = event["message"].to_string();
                message.contains("written by the controller") && message.contains(&second)
            });
            (by_itself.count() == 2).then_some(())
        })
        .await;

        // Its rights are restored, and it registers by itself.
        here.with_input(&["replace", "-f", "-"], &bare(rights)).await.unwrap();
        eventually("the webhook is registered", || async {
            here.get("mutatingwebhookconfiguration", "tagger").await?["webhooks"].as_array().map(drop)
        })
        .await;
        for name in ["there", "raw"] {
            let before = here.settled(name).await;
            here.with_input(&["apply", "--server-side", "-f", "-"], &here.deployment(name, "myapp"))
                .await
                .unwrap();
            let after = here.settled(name).await;
            assert_eq!((after.template, after.generation), (before.template, before.generation), "{name}");
        }
    });
}

/// An object as it can be written again, whatever version it has by now.
fn bare(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    object
}

//! Whatever people do to a workload, before and after any number of generations, does what they mean and nothing more.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Namespace, World, a_moment, run};

/// What people do.
const DEEDS: [&str; 8] =
    ["apply", "apply-server-side", "force", "diff", "edit", "set-image", "scale", "rollout-undo"];

/// When they do it.
const STATES: [&str; 3] = ["before", "generation", "step-back"];

const OTHER: &str = "docker.io/library/nginx:1.27";

fn name(deed: &str, state: &str) -> String {
    format!("{deed}-{state}")
}

#[test]
fn what_people_do_to_a_workload_does_what_they_mean_before_and_after_generations() {
    run(async {
        let here = Namespace::new(World::shared().await, "appliers").await;
        let first = here.ready_tag("myapp").await;
        for deed in DEEDS {
            for state in STATES {
                create(&here, deed, &name(deed, state)).await;
            }
        }
        each_deed(&here, "before", &first).await;

        let second = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        those_to_come_have(&here, &STATES[1..], &second).await;
        each_deed(&here, "generation", &second).await;

        here.go_to_generation("myapp", 0).await;
        those_to_come_have(&here, &STATES[2..], &first).await;
        each_deed(&here, "step-back", &first).await;

        // Whatever was done, what follows goes on following, and what was detached stays as people set it.
        let third = here.push("myapp", "latest", 2).await;
        here.go_to_generation("myapp", 2).await;
        for deed in ["apply", "apply-server-side", "force", "diff", "edit", "scale"] {
            those_have(&here, deed, &third).await;
        }
        a_moment().await;
        for state in STATES {
            assert_eq!(here.image_of("deployment", &name("set-image", state)).await.unwrap(), OTHER);
        }
        assert_eq!(here.image_of("deployment", "rollout-undo-generation").await.unwrap(), first);
        assert_eq!(here.image_of("deployment", "rollout-undo-step-back").await.unwrap(), second);
    });
}

async fn create(here: &Namespace<'_>, deed: &str, name: &str) {
    let manifest = here.deployment(name, "myapp");
    let how: &[&str] = match deed {
        "apply-server-side" | "force" => &["apply", "--server-side", "-f", "-"],
        _ => &["apply", "-f", "-"],
    };
    here.with_input(how, &manifest).await.unwrap();
}

async fn those_to_come_have(here: &Namespace<'_>, states: &[&str], image: &str) {
    for deed in DEEDS {
        for state in states {
            here.wait_for_image("deployment", &name(deed, state), image).await;
        }
    }
}

async fn those_have(here: &Namespace<'_>, deed: &str, image: &str) {
    for state in STATES {
        here.wait_for_image("deployment", &name(deed, state), image).await;
    }
}

async fn each_deed(here: &Namespace<'_>, state: &str, image: &str) {
    for deed in DEEDS {
        let name = name(deed, state);
        let before = here.settled(&name).await;
        assert_eq!(before.template["spec"]["containers"][0]["image"], image, "{name} before");
        let manifest = here.deployment(&name, "myapp");
        match deed {
            "apply" => here.apply(&manifest).await.map(drop).unwrap(),
            "apply-server-side" => {
                here.with_input(&["apply", "--server-side", "-f", "-"], &manifest).await.map(drop).unwrap();
            }
            "force" => {
                let force =
                    ["apply", "--server-side", "--force-conflicts", "--field-manager=flux", "-f", "-"];
                here.with_input(&force, &manifest).await.map(drop).unwrap();
                here.with_input(&force, &manifest).await.map(drop).unwrap();
            }
            "diff" => assert_eq!(here.with_input(&["diff", "-f", "-"], &manifest).await.unwrap(), ""),
            "edit" => edit(here, &name, "replicas: 1", "replicas: 0").await,
            "set-image" => set_image(here, &name, image).await,
            "scale" => here.kubectl(&["scale", "deployment", &name, "--replicas=2"]).await.map(drop).unwrap(),
            "rollout-undo" => {
                undo(here, &name, state).await;
                continue;
            }
            other => unreachable!("{other}"),
        }
        let after = here.settled(&name).await;
        match deed {
            "set-image" => continue,
            // They change the number of replicas, and that is all.
            "edit" | "scale" => {
                assert_eq!(
                    (&after.template, after.replica_sets),
                    (&before.template, before.replica_sets),
                    "{name}"
                );
            }
            // A second manager is noted in the object the first time; it changes nothing else.
            "force" => {
                let seen =
                    |it: &crate::support::Deployment| (it.generation, it.template.clone(), it.replica_sets);
                assert_eq!(seen(&after), seen(&before), "{name}");
            }
            _ => assert_eq!(after, before, "{name}"),
        }
    }
}

/// Another image detaches; the Tag's name attaches again; another image sticks.
async fn set_image(here: &Namespace<'_>, name: &str, current: &str) {
    let image = async |image: &str| {
        here.kubectl(&["set", "image", &format!("deployment/{name}"), &format!("app={image}")])
            .await
            .unwrap();
        here.image_of("deployment", name).await.unwrap()
    };
    assert_eq!(image(OTHER).await, OTHER);
    assert_eq!(follows(here, name).await, json!({}));
    assert_eq!(image("myapp").await, current);
    assert_eq!(follows(here, name).await["app"]["tag"], "myapp");
    assert_eq!(image(OTHER).await, OTHER);
}

/// Undoing goes to the image before, and sticks. With nothing to go back to it is refused by kubectl itself.
async fn undo(here: &Namespace<'_>, name: &str, state: &str) {
    let before = here.settled(name).await;
    let undone = here.kubectl(&["rollout", "undo", &format!("deployment/{name}")]).await;
    let after = here.settled(name).await;
    if state == "before" {
        assert!(undone.is_err(), "there is no revision to go back to");
        assert_eq!(after, before);
        return;
    }
    undone.unwrap();
    assert_ne!(after.template["spec"], before.template["spec"], "{name} went back");
    assert_eq!(follows(here, name).await, json!({}), "{name} follows no more");
    a_moment().await;
    assert_eq!(here.settled(name).await.template, after.template, "{name} stays there");
    assert!(here.events_on("Deployment", name).await.contains(&"Detached".to_owned()));
}

/// What the webhook noted on a Deployment.
async fn follows(here: &Namespace<'_>, name: &str) -> Value {
    let object = here.get("deployment", name).await.unwrap();
    let record = object["metadata"]["annotations"]["images.io/follows"].as_str().unwrap_or("{}");
    serde_json::from_str(record).unwrap()
}

/// `kubectl edit`, with an editor that replaces a text.
async fn edit(here: &Namespace<'_>, name: &str, old: &str, new: &str) {
    let kubectl = here.world.control_plane.kubectl();
    let edited = tokio::process::Command::new(&kubectl.binary)
        .arg("--kubeconfig")
        .arg(&kubectl.kubeconfig)
        .args(["--namespace", &here.name, "edit", "deployment", name])
        .env("KUBE_EDITOR", format!("sed -i 's/{old}/{new}/'"))
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(edited.status.success(), "{}", String::from_utf8_lossy(&edited.stderr));
}

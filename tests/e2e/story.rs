//! The story of the README: the example Tag and Deployment, as they are but for the registry's name.

use std::path::Path;

use crate::support::{Namespace, World, eventually, run};

fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)).unwrap()
}

#[test]
fn the_example_tag_and_deployment_work_unchanged_but_for_the_registry() {
    run(async {
        let here = Namespace::new(World::shared().await, "story").await;
        let repository = here.repository("myapp");
        let first = here.push("myapp", "latest", 0).await;
        let kubectl = here.world.control_plane.kubectl();
        let apply = async |yaml: &str| {
            kubectl.run_with_input(&["-n", &here.name, "apply", "-f", "-"], yaml).await.unwrap();
        };
        apply(&example("tag.yaml").replace("quay.io/company/myapp", &repository)).await;
        here.wait_for_generation("myapp-devel", 0).await;
        apply(&example("deployment.yaml")).await;
        assert_eq!(here.image_of("deployment", "myapp").await.unwrap(), first, "admission wrote the digest");
        a_pod_runs(&here, &first).await;

        let second = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp-devel", 1).await;
        here.wait_for_image("deployment", "myapp", &second).await;
        a_pod_runs(&here, &second).await;

        here.go_to_generation("myapp-devel", 0).await;
        here.wait_for_image("deployment", "myapp", &first).await;
        a_pod_runs(&here, &first).await;
    });
}

async fn a_pod_runs(here: &Namespace<'_>, image: &str) {
    eventually(&format!("a Pod with {image}"), || async {
        let pods = here.list("pods").await;
        pods.iter().any(|pod| pod["spec"]["containers"][0]["image"] == image).then_some(())
    })
    .await;
}

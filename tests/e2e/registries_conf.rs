//! A registries.conf: read where it says, recorded as it was asked for.

use serde_json::json;
use tagger_testkit::image::Image;

use crate::support::{Namespace, World, eventually, run};

#[test]
fn an_image_is_read_from_the_mirror_of_the_file_and_keeps_its_name() {
    run(async {
        let world = World::start(&[]).await;
        world.operator.stop().unwrap();
        let mirror = world.registry.address();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registries.conf");
        let text = format!(
            r#"
            unqualified-search-registries = ["quay.invalid"]

            [[registry]]
            location = "quay.invalid"
            [[registry.mirror]]
            location = "{mirror}/mirrored"
            insecure = true

            [[registry]]
            prefix = "quay.invalid/forbidden"
            blocked = true
            "#
        );
        std::fs::write(&file, text).unwrap();
        let flags = ["--registries-conf", file.to_str().unwrap()];
        let _operator = World::operator(&world.control_plane, &world.registry, &flags).await;
        let here = Namespace::new(&world, "registries-conf").await;

        let pushed = Image::single(1).push(&world.registry, "mirrored/company/myapp", "v1").await.unwrap();
        let wanted = format!("quay.invalid/company/myapp@{}", pushed.digest);
        for (tag, from) in [("named", "quay.invalid/company/myapp:v1"), ("short", "company/myapp:v1")] {
            here.apply(&here.tag(tag, json!({ "from": from }))).await.unwrap();
            here.wait_for_generation(tag, 0).await;
            assert_eq!(here.get("tag", tag).await.unwrap()["status"]["imageReference"], wanted);
        }

        let forbidden = json!({ "from": "quay.invalid/forbidden/myapp:v1" });
        here.apply(&here.tag("forbidden", forbidden)).await.unwrap();
        let message = eventually("the Tag says that it is blocked", || async {
            let tag = here.get("tag", "forbidden").await?;
            let conditions = tag["status"]["conditions"].as_array()?;
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
            (ready["reason"] == "Blocked").then(|| ready["message"].as_str().unwrap().to_owned())
        });
        let message = message.await;
        assert!(message.contains("registries.conf blocks quay.invalid/forbidden"), "{message}");
    });
}

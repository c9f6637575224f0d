//! What a person decided stays: a number, a step back, a Tag that is suspended.

use serde_json::json;

use crate::support::told::{Told, trigger};
use crate::support::{Namespace, a_moment, run};

#[test]
fn the_newest_number_is_raised_and_a_step_back_is_not_undone() {
    run(async {
        let here = Namespace::new(&Told::shared().await.world, "numbers").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        let second = here.push("myapp", "latest", 1).await;
        here.wait_for_image("deployment", "web", &second).await;
        here.wait_for_generation("myapp", 1).await;
        assert_eq!(here.get("tag", "myapp").await.unwrap()["spec"]["generation"], 1);
        assert_eq!(trigger(&here.newest("myapp", 1).await), "Push");

        here.go_to_generation("myapp", 0).await;
        here.push("myapp", "latest", 2).await;
        let third = here.newest("myapp", 2).await;
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![2, 1, 0], 0));
        let tag = here.get("tag", "myapp").await.unwrap();
        assert_eq!(tag["spec"]["generation"], 0);
        let first = &tag["status"]["references"][2]["imageReference"];
        assert_eq!(json!(here.image_of("deployment", "web").await), *first);
        assert_eq!(trigger(&third), "Push");

        here.go_to_generation("myapp", 2).await;
        here.wait_for_image("deployment", "web", third["imageReference"].as_str().unwrap()).await;
    });
}

#[test]
fn a_suspended_tag_stays_and_catches_up_afterwards() {
    run(async {
        let here = Namespace::new(&Told::shared().await.world, "suspended").await;
        here.following("myapp", json!({})).await;
        here.patch_tag("myapp", json!({ "suspend": true })).await;
        here.push("myapp", "latest", 1).await;
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
        here.patch_tag("myapp", json!({ "suspend": false })).await;
        here.wait_for_generation("myapp", 1).await;
    });
}

#[test]
fn a_number_whose_from_was_changed_waits_for_the_next_number() {
    run(async {
        let here = Namespace::new(&Told::shared().await.world, "elsewhere").await;
        here.ready_tag("myapp").await;
        here.push("other", "latest", 5).await;
        here.patch_tag("myapp", json!({ "from": format!("{}:latest", here.repository("other")) })).await;
        here.push("other", "latest", 6).await;
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
        here.go_to_generation("myapp", 1).await;
        here.push("other", "latest", 7).await;
        here.wait_for_generation("myapp", 2).await;
    });
}

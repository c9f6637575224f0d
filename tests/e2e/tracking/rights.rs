//! Rights that Tagger loses for a while.

use serde_json::json;

use crate::support::told::Told;
use crate::support::{Namespace, a_moment, run};

#[test]
fn a_number_that_may_not_be_raised_says_so_moves_nothing_and_is_raised_when_it_may_be_again() {
    run(async {
        let told = Told::start(&[]).await;
        let here = Namespace::new(&told.world, "rights").await;
        here.ready_tag("myapp").await;
        let rights = here.get("clusterrole", "tagger").await.unwrap();
        let mut fewer = rights.clone();
        for rule in fewer["rules"].as_array_mut().unwrap() {
            if rule["resources"].as_array().is_some_and(|named| named.contains(&json!("tags"))) {
                rule["verbs"].as_array_mut().unwrap().retain(|verb| verb != "patch");
            }
        }
        assert_ne!(fewer["rules"], rights["rules"]);
        let replace = ["replace", "-f", "-"];
        here.with_input(&replace, &fewer).await.unwrap();
        // The API server's authorizer learns of it in a moment.
        a_moment().await;
        here.push("myapp", "latest", 1).await;
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "NotRaised", "{message}");
        assert!(message.contains("raised to 1 (HTTP 403)"), "{message}");
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
        fewer["rules"] = rights["rules"].clone();
        fewer["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        here.with_input(&replace, &fewer).await.unwrap();
        here.wait_for_generation("myapp", 1).await;
        assert_eq!(here.get("tag", "myapp").await.unwrap()["spec"]["generation"], 1);
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1));
        told.world.operator.stop().unwrap();
    });
}

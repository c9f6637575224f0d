//! A registry that wants to be left alone is, and nobody else's Tags wait for it.

use std::time::{Duration, Instant};

use serde_json::json;
use tagger_testkit::proxy::{Fault, Match};

use crate::support::told::Told;
use crate::support::{Namespace, eventually, run};

#[test]
fn a_registry_that_answers_429_to_everything_is_asked_as_little_as_it_wants_and_the_others_keep_their_pace() {
    run(async {
        let told = Told::start(&["--private-registry", "*"]).await;
        let here = Namespace::new(&told.world, "throttled").await;
        let throttled = &told.world.proxy;
        for number in 0..40 {
            here.push(&format!("slow-{number}"), "latest", number).await;
            here.apply(&here.proxied_tag(&format!("slow-{number}"), json!({}))).await.unwrap();
        }
        for number in 0..40 {
            here.wait_for_generation(&format!("slow-{number}"), 0).await;
        }
        here.following("quick", json!({})).await;
        let quick = async |seed: u64| {
            let start = Instant::now();
            here.push("quick", "latest", 100 + seed).await;
            here.newest("quick", i64::try_from(seed).unwrap()).await;
            start.elapsed()
        };
        let before = [quick(1).await, quick(2).await, quick(3).await];

        throttled.fault(Match::any(), Fault::status(429).header("Retry-After", "600"));
        throttled.take_requests();
        let host = throttled.address();
        let digest = format!("sha256:{:064x}", 1);
        let tell_all = async || {
            for number in 0..40 {
                let repository = format!("{}/slow-{number}", here.name);
                let status = told.notifier.tell(host, &repository, "latest", &digest).await.unwrap();
                assert!((200..300).contains(&status), "{status}");
            }
        };
        tell_all().await;
        let (reason, message) = here.wait_for_condition("slow-39", "Reconciling").await;
        assert_eq!(reason, "RateLimited");
        assert!(message.contains("the next try is at 20"), "{message}");
        eventually("every Tag says so", || async {
            let tags = here.list("tags").await;
            let told = tags.iter().filter(|tag| tag["status"]["lastImportAttempt"]["succeed"] == false);
            (told.count() == 40).then_some(())
        })
        .await;
        let asked = throttled.requests().len();
        assert!(asked <= 32, "those under way when it was first said, and no others: {asked}");
        throttled.take_requests();
        let mut while_throttled = [Duration::ZERO; 3];
        for (seed, took) in (4..).zip(&mut while_throttled) {
            tell_all().await;
            *took = quick(seed).await;
        }
        // Not how fast, which is the machine's: whether the other one's silence is in the way.
        let (before, while_throttled) = (median(before), median(while_throttled));
        assert!(
            while_throttled <= before * 3 + Duration::from_secs(1),
            "{while_throttled:?} against {before:?}"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(throttled.requests().len(), 0, "it asked to be left alone for ten minutes");
        told.world.operator.stop().unwrap();
    });
}

fn median(mut took: [Duration; 3]) -> Duration {
    took.sort();
    took[1]
}

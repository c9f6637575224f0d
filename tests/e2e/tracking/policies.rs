//! A policy chooses the tag.

use serde_json::{Value, json};
use tagger_testkit::proxy::{Fault, Match};

use crate::support::told::{Told, trigger};
use crate::support::{Namespace, a_moment, eventually, run};

/// A Tag of the image's repository, with a policy.
fn with_policy(here: &Namespace<'_>, name: &str, more: &Value) -> Value {
    let mut tag = here.tag(name, json!({ "from": here.repository(name) }));
    tag["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tag
}

/// The same, where the proxy is asked.
fn proxied_with_policy(here: &Namespace<'_>, name: &str, more: &Value) -> Value {
    let mut tag = with_policy(here, name, more);
    tag["spec"]["from"] = json!(format!("{}/{}/{name}", here.world.proxy.address(), here.name));
    tag
}

/// The policy that follows the stable tag of what `main-latest` points at.
fn build_of_main() -> Value {
    json!({
        "filterTags": { "pattern": "^main-[a-f0-9]{7,}$" },
        "policy": { "sibling": { "tag": "main-latest" } },
    })
}

#[test]
fn the_highest_version_in_range_is_followed() {
    run(async {
        let here = Namespace::new(&Told::shared().await.world, "semver").await;
        for (seed, tag) in ["1.2.0", "1.10.0", "2.0.0", "latest"].into_iter().enumerate() {
            here.push("myapp", tag, u64::try_from(seed).unwrap()).await;
        }
        let tag = with_policy(&here, "myapp", &json!({ "policy": { "semver": { "range": ">=1.2.0, <2" } } }));
        here.apply(&tag).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        assert_eq!(here.newest("myapp", 0).await["tag"], "1.10.0");
        here.push("myapp", "1.9.9", 10).await;
        here.push("myapp", "2.1.0", 11).await;
        let wanted = here.push("myapp", "1.11.0", 12).await;
        let newest = here.newest("myapp", 1).await;
        assert_eq!((&newest["tag"], trigger(&newest)), (&json!("1.11.0"), json!("Push")));
        assert_eq!(newest["imageReference"], wanted);
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1));

        here.patch_tag("myapp", json!({ "policy": { "semver": { "range": ">=2" } } })).await;
        let newest = here.newest("myapp", 2).await;
        assert_eq!((&newest["tag"], trigger(&newest)), (&json!("2.1.0"), json!("Spec")));
    });
}

#[test]
fn the_last_build_of_a_branch_is_followed_by_the_time_in_its_tag() {
    run(async {
        let here = Namespace::new(&Told::shared().await.world, "numerical").await;
        for (seed, tag) in ["main-9-abc", "main-10-abd", "other-99-abc", "latest"].into_iter().enumerate() {
            here.push("myapp", tag, u64::try_from(seed).unwrap()).await;
        }
        let more = json!({
            "filterTags": { "pattern": "^main-(?P<ts>[0-9]+)-[a-f0-9]+$", "extract": "$ts" },
            "policy": { "numerical": { "order": "asc" } },
        });
        here.apply(&with_policy(&here, "myapp", &more)).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        assert_eq!(here.newest("myapp", 0).await["tag"], "main-10-abd");
        here.push("myapp", "main-11-fff", 20).await;
        assert_eq!(here.newest("myapp", 1).await["tag"], "main-11-fff");
    });
}

#[test]
fn the_stable_tag_of_what_a_moving_tag_points_at_is_recorded() {
    run(async {
        let here = Namespace::new(&Told::shared().await.world, "sibling").await;
        let build = async |hash: &str, seed: u64| {
            let name = format!("main-{hash}");
            here.push("myapp", &format!("amd64-{name}"), seed).await;
            // The moving tag first: nothing has its digest for a moment.
            here.push("myapp", "main-latest", seed).await;
            here.push("myapp", &name, seed).await;
        };
        build("abc1234", 1).await;
        here.apply(&with_policy(&here, "myapp", &build_of_main())).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        assert_eq!(here.newest("myapp", 0).await["tag"], "main-abc1234");
        build("0123456", 2).await;
        let newest = here.newest("myapp", 1).await;
        assert_eq!((&newest["tag"], trigger(&newest)), (&json!("main-0123456"), json!("Push")));
        here.wait_for_generation("myapp", 1).await;
    });
}

#[test]
fn a_policy_that_chooses_nothing_says_so_and_goes_on_when_there_is_something() {
    run(async {
        let here = Namespace::new(&Told::shared().await.world, "nothing").await;
        here.push("myapp", "latest", 0).await;
        let tag = with_policy(&here, "myapp", &json!({ "policy": { "semver": { "range": ">=1" } } }));
        here.apply(&tag).await.unwrap();
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "NothingChosen");
        assert!(message.contains("none of its 1 tags"), "{message}");
        here.push("myapp", "1.0.0", 1).await;
        here.wait_for_generation("myapp", 0).await;
        eventually("the attempt succeeded", || async {
            let tag = here.get("tag", "myapp").await?;
            (tag["status"]["lastImportAttempt"]["succeed"] == true).then_some(())
        })
        .await;
    });
}

#[test]
fn a_sibling_that_has_not_moved_costs_one_head_and_what_is_filtered_out_is_never_asked_for() {
    run(async {
        let told = Told::shared().await;
        let here = Namespace::new(&told.world, "counted").await;
        for (tag, seed) in
            [("main-0000000", 0), ("main-abc1234", 1), ("amd64-main-abc1234", 1), ("main-latest", 1)]
        {
            here.push("myapp", tag, seed).await;
        }
        let proxy = &told.world.proxy;
        here.apply(&proxied_with_policy(&here, "myapp", &build_of_main())).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let repository = format!("{}/myapp", here.name);
        let asked = || -> Vec<(String, String)> {
            let requests = proxy.requests().into_iter().filter(|request| request.repository == repository);
            requests.map(|request| (request.method, request.path)).collect()
        };
        let first = asked();
        assert!(first.iter().any(|(_, path)| path.ends_with("/tags/list")), "{first:?}");
        assert!(first.iter().all(|(_, path)| !path.contains("amd64-")), "{first:?}");
        let digest = format!("sha256:{:064x}", 1);
        let status = told.notifier.tell(proxy.address(), &repository, "main-latest", &digest).await.unwrap();
        assert!((200..300).contains(&status), "{status}");
        eventually("it is looked at again", || async { (asked().len() > first.len()).then_some(()) }).await;
        a_moment().await;
        let again = asked().split_off(first.len());
        assert!(
            matches!(again.as_slice(), [(method, path)] if method == "HEAD" && path.ends_with("/main-latest")),
            "{again:?}"
        );
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
    });
}

#[test]
fn a_tag_on_the_last_of_several_pages_is_chosen() {
    run(async {
        let told = Told::shared().await;
        let here = Namespace::new(&told.world, "pages").await;
        let (proxy, repository) = (&told.world.proxy, format!("{}/myapp", here.name));
        // Others who share the proxy get their lists by pages as well, which changes nothing for them.
        proxy.page_tags(2);
        for (tag, seed) in [("1.0.0", 0), ("1.1.0", 1), ("1.2.0", 2), ("1.3.0", 3), ("1.4.0", 4)] {
            here.push("myapp", tag, seed).await;
        }
        let more = json!({ "policy": { "semver": { "range": ">=1" } } });
        here.apply(&proxied_with_policy(&here, "myapp", &more)).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        assert_eq!(here.newest("myapp", 0).await["tag"], "1.4.0");
        let pages = || {
            let requests = proxy.requests().into_iter();
            let pages = requests
                .filter(|request| request.repository == repository && request.path.ends_with("/tags/list"));
            pages.map(|request| request.query).collect::<Vec<_>>()
        };
        assert!(pages().iter().any(|query| query.contains("last=1.3.0")), "{:?}", pages());
        let digest = format!("sha256:{:064x}", 1);
        here.push("myapp", "1.5.0", 5).await;
        let status = told.notifier.tell(proxy.address(), &repository, "1.5.0", &digest).await.unwrap();
        assert!((200..300).contains(&status), "{status}");
        assert_eq!(here.newest("myapp", 1).await["tag"], "1.5.0");
    });
}

#[test]
fn a_sibling_of_more_than_five_hundred_candidates_asks_for_a_narrower_filter_and_the_registry_for_none() {
    run(async {
        let told = Told::shared().await;
        let here = Namespace::new(&told.world, "many").await;
        let (proxy, repository) = (&told.world.proxy, format!("{}/myapp", here.name));
        here.push("myapp", "main-latest", 0).await;
        let tags: Vec<String> = (0..501).map(|number| format!("main-{number:07x}")).collect();
        let list = json!({ "name": repository, "tags": tags }).to_string();
        let listed = Fault::status(200).replaced(list).header("Content-Type", "application/json");
        proxy.fault(Match::tags().repository(&repository), listed);
        here.apply(&proxied_with_policy(&here, "myapp", &build_of_main())).await.unwrap();
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "NothingChosen");
        assert!(message.contains("501 tags") && message.contains("narrow spec.filterTags"), "{message}");
        let asked = proxy.requests().into_iter().filter(|request| request.repository == repository);
        let asked: Vec<_> =
            asked.map(|request| request.path).filter(|path| path.contains("/main-0")).collect();
        assert!(asked.is_empty(), "{asked:?}");
    });
}

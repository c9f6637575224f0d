//! Tags: imported, stepped, refused, retried.

use rstest::rstest;
use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::proxy::{Fault, Match};

use crate::support::{Namespace, World, a_moment, eventually, run};

fn numbers(tag: &Value) -> Vec<i64> {
    let references = tag["status"]["references"].as_array().into_iter().flatten();
    references.filter_map(|known| known["generation"].as_i64()).collect()
}

#[test]
fn a_new_tag_is_in_progress_until_it_is_imported_and_then_tells_all_about_it() {
    run(async {
        let here = Namespace::new(World::shared().await, "status").await;
        let reference = here.ready_tag("myapp").await;
        let tag = here.get("tag", "myapp").await.unwrap();
        let known = &tag["status"]["references"][0];
        assert_eq!(known["imageReference"], reference);
        assert_eq!(known["digest"], reference.split_once('@').unwrap().1);
        assert_eq!((&known["tag"], &known["trigger"]), (&json!("latest"), &json!("Spec")));
        assert_eq!(known["from"], tag["spec"]["from"]);
        assert_eq!(tag["status"]["lastImportAttempt"]["succeed"], true);
        let wide = here.kubectl(&["get", "tags", "-o", "wide"]).await.unwrap();
        let heads = wide.lines().next().unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(heads, ["NAME", "GENERATION", "FROM", "CACHE", "READY", "AGE", "REFERENCE"]);
        assert!(wide.contains(&reference) && wide.contains("True"), "{wide}");
        assert!(here.events_on("Tag", "myapp").await.contains(&"Imported".to_owned()));
        let explained = here.kubectl(&["explain", "tag.spec.generation"]).await.unwrap();
        assert!(explained.contains("the newest and one makes a new import"), "{explained}");
    });
}

#[rstest]
#[case("from", json!({ "from": "https://quay.io/a" }))]
#[case("from", json!({ "from": "" }))]
#[case("from", json!({ "from": "quay.io/a@sha256:../../x" }))]
#[case("generation", json!({ "generation": -1 }))]
#[case("generation", json!({ "generation": 7 }))]
#[case("history", json!({ "history": 0 }))]
#[case("history", json!({ "history": 51 }))]
#[case("history", json!({ "history": "five" }))]
#[case("interval", json!({ "track": { "interval": "29s" } }))]
#[case("interval", json!({ "track": { "interval": "often" } }))]
#[case("schedule", json!({ "track": { "schedule": "at dawn" } }))]
#[case("timeZone", json!({ "track": { "schedule": "0 3 * * *", "timeZone": "Mars/Base" } }))]
#[case("policy", json!({ "from": "quay.io/a", "policy": {} }))]
#[case("range", json!({ "from": "quay.io/a", "policy": { "semver": { "range": "new" } } }))]
#[case("order", json!({ "from": "quay.io/a", "policy": { "numerical": { "order": "up" } } }))]
#[case("tag", json!({ "from": "quay.io/a", "policy": { "sibling": { "tag": "" } } }))]
#[case("from", json!({ "from": "quay.io/a:b", "policy": { "sibling": { "tag": "c" } } }))]
#[case("filterTags", json!({ "filterTags": { "pattern": "a" } }))]
#[case("pattern", json!({ "from": "quay.io/a", "policy": { "numerical": {} }, "filterTags": { "pattern": "(" } }))]
fn a_wrong_field_is_refused_by_name_when_it_is_written(#[case] field: &str, #[case] spec: Value) {
    run(async {
        let here = Namespace::new(World::shared().await, "refused").await;
        let apply = ["apply", "--validate=false", "-f", "-"];
        let refused = here.with_input(&apply, &here.tag("myapp", spec)).await.unwrap_err();
        assert!(refused.contains(&format!(".{field}")), "{refused}");
        assert_eq!(here.get("tag", "myapp").await, None);
    });
}

/// Without the operator, and so without its webhook: what the schema can say, it says. Rules in CEL are kept by servers that
/// know them.
#[test]
fn the_schema_alone_refuses_what_it_can_express() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, _registry) = World::without_operator(&assets).await;
        let knows_cel = control_plane.version().minor >= 25;
        let kubectl = control_plane.kubectl();
        let policy = |more: Value| json!({ "from": "quay.io/a", "policy": more });
        let cases = [
            ("spec.from", json!({ "from": "https://quay.io/a" }), false),
            ("spec.from", json!({}), false),
            ("spec.generation", json!({ "from": "quay.io/a", "generation": -1 }), false),
            ("spec.history", json!({ "from": "quay.io/a", "history": 51 }), false),
            ("spec.track.interval", json!({ "from": "quay.io/a", "track": { "interval": "often" } }), false),
            (
                "spec.track.schedule",
                json!({ "from": "quay.io/a", "track": { "schedule": "at dawn" } }),
                false,
            ),
            ("spec.policy.numerical.order", policy(json!({ "numerical": { "order": "up" } })), false),
            ("spec.policy.sibling.tag", policy(json!({ "sibling": { "tag": ".x" } })), false),
            ("spec.track.interval", json!({ "from": "quay.io/a", "track": { "interval": "29s" } }), true),
            ("spec.track", json!({ "from": "quay.io/a", "track": { "timeZone": "UTC" } }), true),
            ("spec.policy", policy(json!({})), true),
            ("spec.filterTags", json!({ "from": "quay.io/a", "filterTags": { "pattern": "a" } }), true),
            ("spec.from", json!({ "from": "quay.io/a:b", "policy": { "numerical": {} } }), true),
        ];
        for (field, spec, _) in cases.into_iter().filter(|(_, _, cel)| knows_cel || !cel) {
            let metadata = json!({ "name": "wrong" });
            let tag =
                json!({ "apiVersion": "images.io/v1", "kind": "Tag", "metadata": metadata, "spec": spec });
            let create = ["create", "--validate=false", "--filename=-"];
            let refused = kubectl.run_with_input(&create, &tag.to_string()).await.unwrap_err().to_string();
            assert!(refused.contains(field), "{field}: {refused}");
        }
    });
}

#[test]
fn a_generation_that_is_neither_there_nor_next_is_refused_with_those_that_are() {
    run(async {
        let here = Namespace::new(World::shared().await, "choices").await;
        here.ready_tag("myapp").await;
        here.go_to_generation("myapp", 1).await;
        let patch = ["patch", "tag", "myapp", "--type=merge", "-p", r#"{"spec":{"generation":9}}"#];
        let refused = here.kubectl(&patch).await.unwrap_err();
        assert!(refused.contains("generation must be one of: [2 1 0]"), "{refused}");
        let dry = [
            "patch",
            "tag",
            "myapp",
            "--type=merge",
            "--dry-run=server",
            "-p",
            r#"{"spec":{"generation":2}}"#,
        ];
        here.kubectl(&dry).await.unwrap();
        a_moment().await;
        assert_eq!(numbers(&here.get("tag", "myapp").await.unwrap()), [1, 0], "a dry run imports nothing");
    });
}

#[test]
fn a_tag_whose_digest_has_not_moved_costs_one_head_and_no_get() {
    run(async {
        let here = Namespace::new(World::shared().await, "one-head").await;
        here.push("myapp", "latest", 0).await;
        let from = format!("{}/{}/myapp:latest", here.world.proxy.address(), here.name);
        here.apply(&here.tag("myapp", json!({ "from": from, "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let asked = || {
            let requests = here.world.proxy.requests();
            let here = requests.into_iter().filter(|request| request.path.contains(&here.name));
            here.map(|request| request.method.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(asked(), ["HEAD", "GET"], "what is new is asked for once, and verified");
        here.go_to_generation("myapp", 1).await;
        assert_eq!(asked(), ["HEAD", "GET", "HEAD"], "what is known is not asked for again");
        here.go_to_generation("myapp", 0).await;
        a_moment().await;
        assert_eq!(asked().len(), 3, "a step asks nobody");
    });
}

#[test]
fn a_failed_import_changes_nothing_but_the_attempt_and_a_corrected_specification_is_tried_at_once() {
    run(async {
        let here = Namespace::new(World::shared().await, "failed").await;
        here.ready_tag("myapp").await;
        let elsewhere = format!("{}:missing", here.repository("myapp"));
        let wrong = json!({ "spec": { "from": elsewhere, "generation": 1 } }).to_string();
        here.kubectl(&["patch", "tag", "myapp", "--type=merge", "-p", &wrong]).await.unwrap();
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "NotFound", "{message}");
        let tag = here.get("tag", "myapp").await.unwrap();
        assert_eq!((numbers(&tag), &tag["status"]["generation"]), (vec![0], &json!(0)));
        assert_eq!(tag["status"]["lastImportAttempt"]["succeed"], false);
        assert!(tag["status"]["lastImportAttempt"]["reason"].as_str().unwrap().contains("missing"));
        assert!(here.events_on("Tag", "myapp").await.contains(&"NotFound".to_owned()));

        let right = json!({ "spec": { "from": format!("{}:latest", here.repository("myapp")) } }).to_string();
        here.kubectl(&["patch", "tag", "myapp", "--type=merge", "-p", &right]).await.unwrap();
        here.wait_for_generation("myapp", 1).await;
    });
}

#[test]
fn an_import_that_failed_is_tried_again_by_itself() {
    run(async {
        let here = Namespace::new(World::shared().await, "again").await;
        here.push("myapp", "latest", 0).await;
        let repository = format!("{}/myapp", here.name);
        let busy = Fault::status(503).html();
        here.world.proxy.fault(Match::manifest().repository(&repository).times(7), busy);
        let from = format!("{}/{repository}:latest", here.world.proxy.address());
        here.apply(&here.tag("myapp", json!({ "from": from }))).await.unwrap();
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "ServerError", "{message}");
        assert!(!message.contains('<'), "a registry's own words are not repeated: {message}");
        here.wait_for_generation("myapp", 0).await;
    });
}

#[test]
fn a_tag_without_a_number_follows_where_it_points_and_one_with_a_number_waits() {
    run(async {
        let here = Namespace::new(World::shared().await, "from").await;
        here.push("old", "latest", 0).await;
        let moved = here.push("new", "latest", 1).await;
        let from = |name: &str| json!({ "from": here.repository(name) });
        here.apply(&here.tag("follows", from("old"))).await.unwrap();
        here.wait_for_generation("follows", 0).await;
        let mut named = here.tag("named", from("old"));
        named["spec"]["generation"] = json!(0);
        here.apply(&named).await.unwrap();
        here.wait_for_generation("named", 0).await;

        here.apply(&here.tag("follows", from("new"))).await.unwrap();
        here.wait_for_generation("follows", 1).await;
        assert_eq!(here.get("tag", "follows").await.unwrap()["status"]["imageReference"], moved);
        named["spec"]["from"] = json!(here.repository("new"));
        here.apply(&named).await.unwrap();
        a_moment().await;
        assert_eq!(numbers(&here.get("tag", "named").await.unwrap()), [0]);
        here.go_to_generation("named", 1).await;
        assert_eq!(here.get("tag", "named").await.unwrap()["status"]["imageReference"], moved);
    });
}

#[test]
fn a_suspended_tag_stays_as_it_is_until_it_goes_on() {
    run(async {
        let here = Namespace::new(World::shared().await, "suspend").await;
        let first = here.ready_tag("myapp").await;
        here.push("myapp", "latest", 1).await;
        let suspended = json!({ "spec": { "suspend": true, "generation": 1 } }).to_string();
        here.kubectl(&["patch", "tag", "myapp", "--type=merge", "-p", &suspended]).await.unwrap();
        a_moment().await;
        let tag = here.get("tag", "myapp").await.unwrap();
        assert_eq!((numbers(&tag), &tag["status"]["imageReference"]), (vec![0], &json!(first)));
        here.kubectl(&["patch", "tag", "myapp", "--type=merge", "-p", r#"{"spec":{"suspend":false}}"#])
            .await
            .unwrap();
        here.wait_for_generation("myapp", 1).await;
    });
}

#[test]
fn the_oldest_generations_go_but_never_one_that_still_runs() {
    run(async {
        let here = Namespace::new(World::shared().await, "history").await;
        let first = here.push("myapp", "latest", 0).await;
        here.apply(&here.tag("myapp", json!({ "generation": 0, "history": 2 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let mut pinned = here.deployment("pinned", &first);
        pinned["metadata"]["annotations"] = json!({});
        here.apply(&pinned).await.unwrap();
        eventually("a Pod with generation 0", || async {
            let pods = here.list("pods").await;
            pods.iter().any(|pod| pod["spec"]["containers"][0]["image"] == first).then_some(())
        })
        .await;
        for number in 1..=3 {
            here.push("myapp", "latest", number).await;
            here.go_to_generation("myapp", i64::try_from(number).unwrap()).await;
        }
        assert_eq!(numbers(&here.get("tag", "myapp").await.unwrap()), [3, 0]);
    });
}

#[test]
fn one_tag_that_cannot_be_decoded_hides_no_other() {
    run(async {
        let here = Namespace::new(World::shared().await, "undecodable").await;
        here.ready_tag("odd").await;
        let odd = json!([{ "op": "replace", "path": "/status/references/0/digest", "value": "sha256:odd" }])
            .to_string();
        here.kubectl(&["patch", "tag", "odd", "--subresource=status", "--type=json", "-p", &odd])
            .await
            .unwrap();
        here.ready_tag("even").await;
        here.go_to_generation("even", 1).await;
    });
}

#[test]
fn a_registry_that_never_answers_is_in_nobody_else_s_way() {
    run(async {
        let world = World::start(&["--imports", "2"]).await;
        let here = Namespace::new(&world, "silent").await;
        here.ready_tag("well").await;
        here.go_to_generation("well", 1).await;
        world.proxy.fault(Match::any(), Fault::never());
        let from = format!("{}/{}/never:latest", world.proxy.address(), here.name);
        let silent: Vec<Value> =
            (0..40).map(|number| here.tag(&format!("never-{number}"), json!({ "from": from }))).collect();
        here.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": silent })).await.unwrap();
        a_moment().await;
        here.go_to_generation("well", 0).await;
        here.go_to_generation("well", 2).await;
        let attempts =
            here.list("tags").await.into_iter().filter(|tag| tag["status"]["lastImportAttempt"].is_object());
        assert_eq!(attempts.count(), 1, "nobody has given up yet, and nobody was waited for");
        let (reason, _) = here.wait_for_condition("never-7", "Reconciling").await;
        assert!(["Timeout", "Unreachable"].contains(&reason.as_str()), "{reason}");
        here.kubectl(&["delete", "namespace", &here.name, "--timeout=60s"]).await.unwrap();
    });
}

#[test]
fn nothing_is_written_where_nothing_changes_not_even_by_a_new_operator() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "still").await;
        here.ready_tag("odd").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        here.settled("d").await;
        let odd = json!([{ "op": "replace", "path": "/status/references/0/digest", "value": "sha256:odd" }])
            .to_string();
        here.kubectl(&["patch", "tag", "odd", "--subresource=status", "--type=json", "-p", &odd])
            .await
            .unwrap();
        let versions = async || {
            let mut versions = Vec::new();
            for (kind, name) in [("tag", "odd"), ("tag", "myapp"), ("deployment", "d")] {
                versions.push(here.get(kind, name).await.unwrap()["metadata"]["resourceVersion"].clone());
            }
            versions
        };
        let before = versions().await;
        a_moment().await;
        assert_eq!(versions().await, before);
        world.operator.stop().unwrap();
        world.operator.start_again().await.unwrap();
        a_moment().await;
        assert_eq!(versions().await, before);
        here.go_to_generation("myapp", 1).await;
    });
}

#[test]
fn tags_go_on_when_their_definition_was_away() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "definition").await;
        here.ready_tag("before").await;
        let definition = here.get("crd", "tags.images.io").await.unwrap();
        here.kubectl(&["delete", "crd", "tags.images.io"]).await.unwrap();
        a_moment().await;
        let metadata = json!({ "name": "tags.images.io" });
        let spec = definition["spec"].clone();
        let again = json!({ "apiVersion": definition["apiVersion"], "kind": definition["kind"], "metadata": metadata, "spec": spec });
        here.apply(&again).await.unwrap();
        here.kubectl(&["wait", "--for=condition=Established", "crd/tags.images.io"]).await.unwrap();
        here.ready_tag("after").await;
    });
}

#[test]
fn a_name_without_a_registry_is_looked_up_where_the_flags_say() {
    run(async {
        let world = World::start(&[]).await;
        world.operator.stop().unwrap();
        let registry = world.registry.address();
        let flags = ["--unqualified-registry", registry.as_str()];
        let _operator = World::operator(&world.control_plane, &world.registry, &flags).await;
        let here = Namespace::new(&world, "unqualified").await;
        let reference = here.push("myapp", "v1", 0).await;
        here.apply(&here.tag("myapp", json!({ "from": format!("{}/myapp:v1", here.name) }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        assert_eq!(here.get("tag", "myapp").await.unwrap()["status"]["imageReference"], reference);
    });
}

#[test]
fn an_operator_that_is_killed_again_and_again_loses_nothing_and_repeats_nothing() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "killed").await;
        let names: Vec<String> = (0..20).map(|number| format!("myapp-{number}")).collect();
        for (seed, name) in (0..).zip(&names) {
            here.push(name, "latest", seed).await;
        }
        for generation in 0..2 {
            let tags: Vec<Value> =
                names.iter().map(|name| here.tag(name, json!({ "generation": generation }))).collect();
            let list = json!({ "apiVersion": "v1", "kind": "List", "items": tags });
            here.apply(&list).await.unwrap();
            for pause in [5, 40, 90] {
                world.operator.kill().unwrap();
                let started = world.operator.start_again();
                tokio::time::timeout(crate::support::PATIENCE, started).await.unwrap().unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            }
            for name in &names {
                here.wait_for_generation(name, generation).await;
            }
        }
        a_moment().await;
        for tag in here.list("tags").await {
            assert_eq!(numbers(&tag), [1, 0], "{}", tag["metadata"]["name"]);
        }
    });
}

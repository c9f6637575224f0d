//! Traces, as a collector is sent them.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::json;
use tagger_testkit::collector::{Collector, Manner, Span};
use tagger_testkit::notifier::Notifier;
use tagger_testkit::port::Port;
use tagger_testkit::registry::RegistryOptions;

use crate::support::cached::Cached;
use crate::support::{Namespace, World, eventually, run};

fn parent<'a>(spans: &'a [Span], of: &Span) -> Option<&'a Span> {
    spans.iter().find(|span| span.id == of.parent && span.trace == of.trace)
}

#[test]
fn what_belongs_together_is_one_trace_and_the_last_spans_are_sent_at_the_end() {
    run(async {
        let collector = Collector::start(Manner::Takes).await.unwrap();
        let flags = [
            "--otlp-endpoint",
            &collector.url(),
            "--instance",
            "replica-1",
            "--receiver-open",
            "distribution",
        ];
        let cached = Cached::start(&RegistryOptions::default(), &flags).await;
        let here = Namespace::new(&cached.world, "traced").await;
        here.push("myapp", "latest", 0).await;
        here.apply(&here.tag("myapp", json!({ "cache": true }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let operator = &cached.world.operator;
        let notifier = Notifier::new(&operator.receiver(), "a-secret-of-no-value").unwrap();
        let host = cached.world.registry.address();
        let digest = format!("sha256:{}", "0".repeat(64));
        notifier.tell(&host, &format!("{}/myapp", here.name), "latest", &digest).await.unwrap();
        here.apply(&here.deployment("myapp", "myapp")).await.unwrap();
        operator.stop().unwrap();

        let spans = collector.spans();
        let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
        for name in [
            "reconcile",
            "import",
            "registry request",
            "mirror",
            "admission review",
            "notification",
            "API request",
        ] {
            assert!(
                !named(name).is_empty(),
                "{name}: {:?}",
                spans.iter().map(|span| &span.name).collect::<BTreeSet<_>>()
            );
        }
        let of = |name: &str, inner: &str| {
            let inside = named(inner)
                .into_iter()
                .find(|span| parent(&spans, span).is_some_and(|outer| outer.name == name));
            inside.unwrap_or_else(|| panic!("no {inner} in {name}")).clone()
        };
        of("import", "registry request");
        of("reconcile", "API request");
        let import = of("reconcile", "import");
        assert_eq!((&*import.attributes["name"], &*import.attributes["namespace"]), ("myapp", &*here.name));
        assert_eq!(of("mirror", "registry request").attributes["method"].len(), 3);
        let review = named("admission review")
            .into_iter()
            .find(|span| span.attributes["kind"] == "Deployment")
            .unwrap();
        assert_eq!((&*review.attributes["webhook"], &*review.attributes["operation"]), ("mutate", "Create"));
        assert_eq!(review.attributes["uid"].len(), 36);
        assert!(review.parent.is_empty());
        let service = &review.service;
        assert_eq!((&*service["service.name"], &*service["service.instance.id"]), ("tagger", "replica-1"));
        assert!(!format!("{spans:?}").contains("a-secret-of-no-value"));
    });
}

#[test]
fn of_a_share_of_nothing_nothing_is_sent() {
    run(async {
        let collector = Collector::start(Manner::Takes).await.unwrap();
        let world = World::start(&["--otlp-endpoint", &collector.url(), "--otlp-sample", "0"]).await;
        let here = Namespace::new(&world, "unsampled").await;
        here.ready_tag("myapp").await;
        world.operator.stop().unwrap();
        assert!(collector.spans().is_empty(), "{:?}", collector.spans());
    });
}

#[rstest]
#[case::hangs(Some(Manner::Hangs))]
#[case::fails(Some(Manner::Fails))]
#[case::is_not_there(None)]
fn a_collector_that_takes_nothing_holds_up_nothing(#[case] manner: Option<Manner>) {
    run(async {
        let (collector, port) = match manner {
            Some(manner) => (Some(Collector::start(manner).await.unwrap()), None),
            None => (None, Some(Port::take().unwrap())),
        };
        let url = match (&collector, &port) {
            (Some(collector), _) => collector.url(),
            (None, port) => format!("http://127.0.0.1:{}", port.as_ref().unwrap().number()),
        };
        let world = World::start(&["--otlp-endpoint", &url]).await;
        let here = Namespace::new(&world, "untraced").await;
        let reference = here.ready_tag("myapp").await;
        here.apply(&here.deployment("myapp", "myapp")).await.unwrap();
        here.wait_for_image("deployment", "myapp", &reference).await;
        if let Some(collector) = &collector {
            eventually("the collector is tried", || async { (collector.requests() > 0).then_some(()) }).await;
        }
        for number in 1..20 {
            here.apply(&here.deployment(&format!("more-{number}"), "myapp")).await.unwrap();
        }
        world.operator.stop().unwrap();
    });
}

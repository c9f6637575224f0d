//! What is counted of all this, and told.

use serde_json::json;

use crate::support::told::Told;
use crate::support::{Namespace, run};

#[test]
fn what_is_counted_of_a_push_is_told() {
    run(async {
        let told = Told::shared().await;
        let here = Namespace::new(&told.world, "counted").await;
        here.following("myapp", json!({})).await;
        here.push("myapp", "latest", 1).await;
        here.newest("myapp", 1).await;
        let text = told.world.operator.metrics().await.unwrap();
        let sample = |name: &str| text.lines().any(|line| line.starts_with(name) && !line.ends_with(" 0"));
        for name in [
            r#"tagger_imports_total{trigger="push",result="done"}"#,
            r#"tagger_hints_total{tags="matched"}"#,
            r#"tagger_looks_total{outcome="new"}"#,
            r#"tagger_receiver_requests_total{provider="distribution",code="202"}"#,
            r#"tagger_registry_requests_total{host=""#,
        ] {
            assert!(sample(name), "{name} in {text}");
        }
    });
}

//! Suspending many Tags, and having them go on.

use serde_json::{Value, json};

use super::{tag, told, written};
use crate::plugin::{Plugin, steady};
use crate::support::{Namespace, World, run};

async fn suspended(here: &Namespace<'_>) -> Vec<Value> {
    here.list("tags").await.iter().map(|tag| tag["spec"]["suspend"].clone()).collect()
}

#[test]
fn tags_are_suspended_by_name_by_label_and_all_together() {
    run(async {
        let here = Namespace::new(World::shared().await, "many").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        for name in ["api", "db", "web"] {
            tag(&here, &plugin, name, &[]).await;
        }
        here.kubectl(&["label", "tags", "api", "web", "tier=front"]).await.unwrap();
        let mut all = told(&plugin, &[&["suspend"], &["suspend", "-l", "tier=front"]]).await;
        assert_eq!(suspended(&here).await, [json!(true), json!(null), json!(true)]);
        all += &told(&plugin, &[&["suspend", "--all"]]).await;
        assert_eq!(suspended(&here).await, vec![json!(true); 3]);
        all += &told(
            &plugin,
            &[&["import", "web"], &["upgrade", "web"], &["downgrade", "web"], &["pin", "web"]],
        )
        .await;
        all += &told(&plugin, &[&["resume", "web", "db"], &["resume", "web"], &["suspend", "nobody", "web"]])
            .await;
        assert_eq!(suspended(&here).await, [json!(true), json!(null), json!(null)]);
        all += &told(&plugin, &[&["resume", "-l", "tier=none"]]).await;
        insta::assert_snapshot!("steer_many", all);

        let list = plugin.json(&["resume", "--all"]).await;
        assert_eq!((list["kind"].as_str(), list["items"].as_array().unwrap().len()), (Some("List"), 3));
        let one = plugin.json(&["suspend", "db"]).await;
        insta::assert_snapshot!("steer_many_json", written(&one));
        let everywhere = plugin.run_anywhere(&["resume", "-A", "--dry-run=client"]).await;
        let line = format!("tag.images.io/db resumed in the namespace {:?} (dry run)", here.name);
        assert!(everywhere.stdout.lines().any(|told| told == line), "{everywhere:?}");
    });
}

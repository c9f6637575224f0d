//! Completing, as kubectl and shells ask for it.

use crate::plugin::Plugin;
use crate::support::{Namespace, World, run};

#[test]
fn names_come_from_the_cluster_by_the_flags_that_are_typed() {
    run(async {
        let here = Namespace::new(World::shared().await, "completed").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        let plugin = Plugin::new(&here);
        let completed = async |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            let line = format!("kubectl-tag __complete {}", words.join(" "));
            let output = plugin.shell(&line).output().await.unwrap();
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            assert_eq!(lines.pop().as_deref(), Some(":4"), "{text}");
            lines
        };
        let names = completed(&["history", "-n", &here.name, "my"]).await;
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(names[0].starts_with("myapp\t"), "{names:?}");
        assert!(completed(&["history", "-n", &here.name, "x"]).await.is_empty());
        let generations = completed(&["pin", "myapp", "-n", &here.name, "--generation", ""]).await;
        assert_eq!(generations.len(), 1, "{generations:?}");
        assert!(generations[0].starts_with("0\timported"), "{generations:?}");
        assert_eq!(completed(&["explain", "-n", &here.name, ""]).await, ["deployment/web"]);
        assert_eq!(
            completed(&["status", "-n", &here.name[..here.name.len() - 1]])
                .await
                .iter()
                .filter(|name| **name == here.name)
                .count(),
            1
        );
        // Nobody waits for a cluster that is not there.
        assert!(completed(&["history", "--kubeconfig", "/nowhere", "my"]).await.is_empty());
    });
}

#[test]
fn the_scripts_of_shells_are_taken_by_the_shells() {
    run(async {
        let here = Namespace::new(World::shared().await, "scripts").await;
        let plugin = Plugin::new(&here);
        let script = plugin.text(&["completion", "kubectl"]).await;
        assert!(script.starts_with("#!/bin/sh"), "{script}");
        std::fs::write(plugin.folder().join("kubectl_complete-tag"), script).unwrap();
        let line = "sh ./kubectl_complete-tag sta";
        let output = plugin.shell(line).output().await.unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().starts_with("status\t"));
        std::fs::write(plugin.folder().join("script.bash"), plugin.text(&["completion", "bash"]).await)
            .unwrap();
        let line = "bash -c '. ./script.bash; complete -p kubectl-tag'";
        let output = plugin.shell(line).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for shell in ["zsh", "fish"] {
            assert!(plugin.text(&["completion", shell]).await.contains("kubectl-tag"), "{shell}");
        }
    });
}

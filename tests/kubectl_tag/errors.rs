//! What goes wrong with the cluster itself.

use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tagger_testkit::kubectl::Kubectl;

use crate::plugin::{Plugin, plain, steady};
use crate::support::{Namespace, World, run};

#[test]
fn help_tells_every_command() {
    crate::support::run(async {
        let assets = Assets::obtain().await.unwrap();
        let kubectl = Kubectl::new(&assets.kubectl, "/nowhere");
        let ended = Plugin::with(&kubectl, "default").run_anywhere(&["--help"]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        for command in [
            "new",
            "import",
            "upgrade",
            "downgrade",
            "pin",
            "unpin",
            "suspend",
            "resume",
            "status",
            "history",
            "diff",
            "explain",
            "outdated",
            "generate",
            "retag",
            "list-tags",
            "pull",
            "push",
            "copy",
            "completion",
        ] {
            assert!(
                ended.stdout.lines().any(|line| line.trim_start().starts_with(command)),
                "{command}: {}",
                ended.stdout
            );
        }
    });
}

#[test]
fn a_cluster_that_can_not_be_asked_is_told_apart_from_one_without_tags() {
    run(async {
        let _steady = plain();
        let assets = Assets::obtain().await.unwrap();
        let control_plane = ControlPlane::start(&assets, &ControlPlaneOptions::default()).await.unwrap();
        let plugin = Plugin::with(&control_plane.kubectl(), "default");
        let shown = |text: String| text.replace(control_plane.server(), "https://cluster.internal:6443");
        let without = plugin.run(&["upgrade", "myapp"]).await;
        assert_eq!((without.code, without.stdout.as_str()), (1, ""));
        insta::assert_snapshot!("errors_no_definition", shown(without.stderr));
        let made = plugin.run(&["new", "myapp", "--from", "quay.io/a/b"]).await;
        insta::assert_snapshot!("errors_no_definition_new", shown(made.stderr));
        control_plane.stop_api_server().unwrap();
        let silent = plugin.run(&["upgrade", "myapp"]).await;
        assert_eq!((silent.code, silent.stdout.as_str()), (1, ""));
        insta::assert_snapshot!("errors_unreachable", shown(silent.stderr));
    });
}

#[test]
fn no_cluster_no_context_and_no_rights_each_have_their_words() {
    run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "rights").await;
        let _steady = steady(&here);
        let plugin = Plugin::new(&here);
        let mut all = String::new();
        let empty = plugin.folder().join("empty");
        std::fs::write(&empty, "").unwrap();
        let empty = empty.display().to_string();
        let commands: [&[&str]; 4] = [
            &["upgrade", "myapp", "--as", "jane"],
            &["suspend", "-A", "--as", "jane"],
            &["new", "myapp", "--from", "quay.io/a/b", "--as", "jane"],
            &["upgrade", "myapp", "--context", "elsewhere"],
        ];
        for command in commands {
            let ended = plugin.run(command).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{command:?}");
            all += &format!("$ kubectl tag {}\n{}", command.join(" "), ended.stderr);
        }
        for kubeconfig in ["/nowhere/kubeconfig", &empty] {
            let ended = plugin.run(&["upgrade", "myapp", "--kubeconfig", kubeconfig]).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{kubeconfig}");
            all += &format!(
                "$ kubectl tag upgrade myapp --kubeconfig FILE\n{}",
                ended.stderr.replace(&empty, "FILE")
            );
        }
        insta::assert_snapshot!("errors_cluster", all);
    });
}

//! What goes wrong with the cluster itself.

use tagger_testkit::assets::Assets;
use tagger_testkit::kubectl::Kubectl;

use crate::plugin::Plugin;

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

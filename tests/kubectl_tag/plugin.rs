//! The plugin as people run it: `kubectl tag …`, with the program in a folder of PATH.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tagger_testkit::kubectl::Kubectl;
use tokio::process::Command;

use crate::support::Namespace;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The plugin in a namespace of a cluster.
pub struct Plugin {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Plugin {
    /// The plugin, in a namespace of a test's own.
    pub fn new(here: &Namespace<'_>) -> Self {
        Self::with(&here.world.control_plane.kubectl(), &here.name)
    }

    /// The plugin, with the credentials of a kubectl.
    pub fn with(kubectl: &Kubectl, namespace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_kubectl-tag"));
        std::os::unix::fs::symlink(program, folder.path().join("kubectl-tag")).unwrap();
        let (kubectl, kubeconfig) = (kubectl.binary.clone(), kubectl.kubeconfig.clone());
        Self { kubectl, kubeconfig, namespace: namespace.to_owned(), folder, variables: Vec::new() }
    }

    /// The same with a kubeconfig of its own, whose context is in the namespace.
    pub async fn at_home(mut self) -> Self {
        let own = self.folder().join("kubeconfig");
        std::fs::copy(&self.kubeconfig, &own).unwrap();
        self.kubeconfig = own;
        let line = format!("kubectl config set-context --current --namespace={}", self.namespace);
        assert!(self.shell(&line).output().await.unwrap().status.success());
        self
    }

    /// The same with one environment variable more.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// A folder of the plugin's own, which is its home and where it works.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A `kubectl tag` with these arguments, that is still to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.arg("tag").args(arguments);
        self.surroundings(command)
    }

    /// A line of a shell that is still to be run, with kubectl as it is configured for the namespace.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(line);
        self.surroundings(command)
    }

    fn surroundings(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let kubectl = self.kubectl.parent().unwrap().display();
        command.env("PATH", format!("{}:{kubectl}:{path}", self.folder().display()));
        command.env("KUBECONFIG", &self.kubeconfig).env("HOME", self.folder());
        command.env_remove("DOCKER_CONFIG").env_remove("REGISTRY_AUTH_FILE").env_remove("XDG_RUNTIME_DIR");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs `kubectl tag` in the namespace, and tells how it ended.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        let all = [arguments, &["--namespace", &self.namespace]].concat();
        self.run_anywhere(&all).await
    }

    /// Runs `kubectl tag` with these arguments and no more.
    pub async fn run_anywhere(&self, arguments: &[&str]) -> Ended {
        let run = self.command(arguments).output();
        let output = tokio::time::timeout(PATIENCE, run).await.expect("within two minutes").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs `kubectl tag`, which has to succeed, and gives what it printed.
    pub async fn text(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments).await;
        assert_eq!(ended.code, 0, "kubectl tag {}: {}{}", arguments.join(" "), ended.stdout, ended.stderr);
        ended.stdout
    }

    /// Runs `kubectl tag … -o json`, which has to succeed, and gives the document.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["-o", "json"]].concat()).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// Has a snapshot be called by its own name, in the folder `snapshots` beside the test.
pub fn plain() -> insta::internals::SettingsBindDropGuard {
    settings().bind_to_scope()
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings
}

/// Has a snapshot say what does not change from run to run: digests, ports, times, ages and namespaces are named, not told.
pub fn steady(here: &Namespace<'_>) -> insta::internals::SettingsBindDropGuard {
    let mut settings = settings();
    for (pattern, name) in [
        (r"sha256:[0-9a-f]{64}", "sha256:[digest]"),
        (r"sha256:[0-9a-f]{12}", "sha256:[short]"),
        (r"127\.0\.0\.1:[0-9]+", "[registry]"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "[time]"),
        (r"\b[0-9]+(s|m[0-9]*s?)\b", "[age]"),
    ] {
        settings.add_filter(pattern, name);
    }
    settings.add_filter(&here.name, "[namespace]");
    settings.bind_to_scope()
}

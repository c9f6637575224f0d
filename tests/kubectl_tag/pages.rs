//! The pages of `docs/kubectl-tag/` are true: each command in them is run, and has to print what the page says.
//!
//! A block that begins with "```console" holds commands, each after `$ `, and under each what it prints. Comments in front of a block set
//! the scene (see [`Scene::prepare`]). With `TAGGER_PAGES=write` in the environment, the pages are written anew with what was printed.
//!
//! The registry of the tests stands in for `quay.company.example.io`, and a namespace of the test's own for `default`. Times, ages and the
//! width of columns may differ.

use std::path::Path;
use std::process::Stdio;

use rstest::rstest;
use serde_json::json;
use tagger_testkit::image::Image;

use crate::plugin::Plugin;
use crate::support::cached::Cached;
use crate::support::{Namespace, run};

/// What a namespace's part of the registry is called in the pages. As long as that, so that columns stand where they stood.
const REGISTRY: &str = "quay.company.example.io";
/// What the cache is called.
const CACHE: &str = "cache.internal";

#[rstest]
fn a_page_says_what_its_commands_print(#[files("../../docs/kubectl-tag/*.md")] path: std::path::PathBuf) {
    run(async {
        let text = std::fs::read_to_string(&path).unwrap();
        let cached = Cached::shared().await;
        let here = Namespace::new(&cached.world, "page").await;
        let plugin = Plugin::new(&here).at_home().await;
        let scene = Scene { cached, plugin, here };
        let made = scene.play(&text).await;
        if std::env::var("TAGGER_PAGES").is_ok_and(|wanted| wanted == "write") {
            std::fs::write(&path, &made).unwrap();
            return;
        }
        let (told, printed) = (steady(&text), steady(&made));
        for (number, (told, printed)) in told.iter().zip(&printed).enumerate() {
            assert_eq!(
                told,
                printed,
                "{}, line {}: left is the page, right what was printed; TAGGER_PAGES=write cargo test --package kubectl-tag --test plugin pages writes it anew",
                path.display(),
                number + 1
            );
        }
        assert_eq!(told.len(), printed.len(), "{}: {made}", path.display());
    });
}

/// Where a page is played.
struct Scene<'a> {
    cached: &'a Cached,
    here: Namespace<'a>,
    plugin: Plugin,
}

impl Scene<'_> {
    /// The page, with what its commands print now.
    async fn play(&self, page: &str) -> String {
        let mut made = String::new();
        let mut lines = page.lines().peekable();
        while let Some(line) = lines.next() {
            made += &format!("{line}\n");
            if let Some(wish) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
                self.prepare(&wish.split_whitespace().collect::<Vec<_>>()).await;
            }
            if line != "```console" {
                continue;
            }
            for line in lines.by_ref() {
                if line == "```" {
                    made += "```\n";
                    break;
                }
                if let Some(command) = line.strip_prefix("$ ") {
                    made += &format!("{line}\n{}", self.print(command).await);
                }
            }
        }
        made
    }

    /// Sets the scene: `push REPOSITORY TAG SEED [PLATFORM…]`, `file NAME` with what is in `docs/kubectl-tag/files`,
    /// `apply NAME`, `deployment NAME TAG`, `ready DEPLOYMENT`, `go TAG NUMBER`, `import TAG NUMBER`, `generation TAG NUMBER`,
    /// `condition TAG CONDITION`.
    async fn prepare(&self, wish: &[&str]) {
        match wish {
            ["push", repository, tag, seed, platforms @ ..] => {
                let seed = seed.parse().unwrap();
                let image = match platforms {
                    [] => Image::single(seed),
                    some => Image::index(seed, some),
                };
                let repository = format!("{}/{repository}", self.here.name);
                image.push(&self.cached.world.registry, &repository, tag).await.unwrap();
            }
            ["file", name] => {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kubectl-tag/files");
                let text = std::fs::read_to_string(folder.join(name)).unwrap();
                std::fs::write(self.plugin.folder().join(name), self.real(&text)).unwrap();
            }
            ["apply", name] => {
                let file = self.plugin.folder().join(name).display().to_string();
                self.here.kubectl(&["apply", "-f", &file]).await.unwrap();
            }
            ["deployment", name, tag] => {
                let deployment = self.here.deployment(name, tag);
                self.here.apply(&deployment).await.unwrap();
            }
            ["ready", name] => self.be_ready(name).await,
            ["go", tag, number] => self.here.go_to_generation(tag, number.parse().unwrap()).await,
            ["import", tag, number] => {
                self.plugin.text(&["import", tag]).await;
                self.here.wait_for_generation(tag, number.parse().unwrap()).await;
            }
            ["condition", tag, condition] => drop(self.here.wait_for_condition(tag, condition).await),
            ["generation", tag, number] => self.here.wait_for_generation(tag, number.parse().unwrap()).await,
            other => panic!("the page asks for {other:?}"),
        }
    }

    /// Plays the kubelet: all Pods of a Deployment as it is are ready.
    async fn be_ready(&self, name: &str) {
        let settled = self.here.settled(name).await;
        let mut object = self.here.get("deployment", name).await.unwrap();
        let status = &mut object["status"];
        for field in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
            status[field] = json!(1);
        }
        status["observedGeneration"] = json!(settled.generation);
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/{name}/status", self.here.name);
        self.here.with_input(&["replace", "--raw", &path, "-f", "-"], &object).await.unwrap();
    }

    async fn print(&self, command: &str) -> String {
        let mut shell = self.plugin.shell(&format!("{} 2>&1", self.real(command)));
        let output = shell.stdin(Stdio::null()).output().await.unwrap();
        self.shown(&String::from_utf8(output.stdout).unwrap())
    }

    /// What a page calls something, as it is called here.
    fn real(&self, text: &str) -> String {
        let registry = format!("{}/{}", self.cached.world.registry.address(), self.here.name);
        text.replace(REGISTRY, &registry)
    }

    /// What something is called here, as a page calls it.
    fn shown(&self, text: &str) -> String {
        let registry = format!("{}/{}", self.cached.world.registry.address(), self.here.name);
        let text = text.replace(&registry, REGISTRY).replace(&self.cached.world.registry.address(), REGISTRY);
        text.replace(self.cached.proxy.address(), CACHE).replace(&self.here.name, "default")
    }
}

/// The lines of a page without what differs from run to run.
fn steady(page: &str) -> Vec<String> {
    let age = regex::Regex::new(r"\b([0-9]+[dhms])+\b").unwrap();
    let time = regex::Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z)?").unwrap();
    let spaces = regex::Regex::new(r" {2,}").unwrap();
    page.lines()
        .map(|line| {
            let line = time.replace_all(line, "[time]");
            let line = age.replace_all(&line, "[age]");
            spaces.replace_all(line.trim_end(), "  ").into_owned()
        })
        .collect()
}

//! The API server and the controller manager, built from Debian's source package.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::cache::{self, Workshop};
use super::debian::Archive;
use super::{Source, step};

/// What Debian's source package holds, which the binaries must be told.
const VERSION: &str = "1.20.2";

/// The packages, by their place in Go's source tree, in which a version is set.
const VERSION_PACKAGES: [&str; 2] = ["component-base/version", "client-go/pkg/version"];

/// The mark of a package whose types the API server describes.
const OPENAPI_MARK: &str = "+k8s:openapi-gen=";

/// Gives the folder with both binaries, building them where no earlier run did.
pub(super) fn folder() -> Result<(PathBuf, Source)> {
    let name = format!("kubernetes-{VERSION}");
    let (folder, made) = cache::folder(&name, |workshop| {
        step::say(&format!(
            "building Kubernetes {VERSION} from Debian's source package, once: about 6 minutes on two cores"
        ));
        Build::prepare(workshop)?.run()
    })?;
    Ok((folder, if made { Source::Debian } else { Source::Cache }))
}

struct Build<'a> {
    workshop: &'a Workshop,
    gopath: PathBuf,
    source: PathBuf,
}

impl<'a> Build<'a> {
    fn prepare(workshop: &'a Workshop) -> Result<Self> {
        let root = workshop.scratch();
        let gopath = root.join("go");
        let source = gopath.join("src/k8s.io/kubernetes");
        let archive = Archive::open(root, &workshop.logs)?;
        archive
            .unpack(&["golang-1.19-go", "golang-1.19-src", "golang-github-modern-go-reflect2-dev"], root)?;
        archive.unpack_source("kubernetes", &source)?;
        // With the bundled reflect2 and Go 1.18 or later, the API server dies at random when it
        // iterates over a map.
        let reflect2 = "github.com/modern-go/reflect2";
        let bundled = source.join("vendor").join(reflect2);
        fs::remove_dir_all(&bundled).context("remove the bundled reflect2")?;
        fs::rename(root.join("usr/share/gocode/src").join(reflect2), &bundled)
            .context("put Debian's reflect2 in")?;
        Ok(Self { workshop, gopath, source })
    }

    fn run(&self) -> Result<()> {
        self.describe_types()?;
        let result = self.workshop.result();
        let mut build = self.go("build");
        build.arg("-ldflags").arg(version_flags()).arg("-o").arg(format!("{}/", result.display()));
        build.args(["./cmd/kube-apiserver", "./cmd/kube-controller-manager"]);
        step::run("build kube-apiserver and kube-controller-manager", &build, &self.workshop.logs)?;
        // Go's cache is larger than all the rest, and served its purpose.
        fs::remove_dir_all(&self.workshop.go_cache).context("remove Go's build cache")
    }

    /// Generates the description of all types, which the source package comes without.
    fn describe_types(&self) -> Result<()> {
        let generator = self.workshop.scratch().join("openapi-gen");
        let mut build = self.go("build");
        build.arg("-o").arg(&generator).arg("./vendor/k8s.io/kube-openapi/cmd/openapi-gen");
        step::run("build the generator of API descriptions", &build, &self.workshop.logs)?;

        let packages = self.described_packages()?;
        let mut generate = self.command(&generator);
        generate.arg("--input-dirs").arg(packages.join(","));
        generate.args(["--output-package", "k8s.io/kubernetes/pkg/generated/openapi"]);
        generate.args(["--output-file-base", "zz_generated.openapi"]);
        generate.args(["--go-header-file", "hack/boilerplate/boilerplate.generatego.txt"]);
        generate.arg("--output-base").arg(self.gopath.join("src"));
        generate.arg("--report-filename").arg(self.workshop.scratch().join("openapi-violations"));
        step::run("generate the API descriptions", &generate, &self.workshop.logs)
    }

    /// Every package that is marked to be described, by the path that Go knows it by.
    fn described_packages(&self) -> Result<Vec<String>> {
        let mut packages = BTreeSet::new();
        for (folder, prefix) in [
            ("staging/src/k8s.io", "k8s.io/kubernetes/vendor/k8s.io"),
            ("pkg", "k8s.io/kubernetes/pkg"),
            ("cmd", "k8s.io/kubernetes/cmd"),
        ] {
            let root = self.source.join(folder);
            marked(&root, &mut |package| {
                if let Ok(path) = package.strip_prefix(&root) {
                    packages.insert(format!("{prefix}/{}", path.display()));
                }
            })?;
        }
        if packages.is_empty() {
            bail!("no package of the source is marked {OPENAPI_MARK}");
        }
        Ok(packages.into_iter().collect())
    }

    fn go(&self, verb: &str) -> Command {
        let mut go = self.command(&self.workshop.scratch().join("usr/lib/go-1.19/bin/go"));
        // Without the paths of this build in it, an interrupted build's cache serves the next one.
        go.arg(verb).arg("-trimpath");
        go
    }

    fn command(&self, program: &Path) -> Command {
        let root = self.workshop.scratch();
        let mut command = Command::new(program);
        command.current_dir(&self.source);
        command.env("GOROOT", root.join("usr/lib/go-1.19")).env("GOPATH", &self.gopath);
        command.env("GOCACHE", &self.workshop.go_cache).env("PATH", command_path(root));
        // The source's go.mod is out of step with its vendored packages: module mode refuses.
        command.env("GO111MODULE", "off").env("CGO_ENABLED", "0").env_remove("GOFLAGS");
        command
    }
}

/// Go of our own before whatever the machine has: the generator runs `go`.
fn command_path(root: &Path) -> String {
    let rest = std::env::var("PATH").unwrap_or_default();
    format!("{}:{rest}", root.join("usr/lib/go-1.19/bin").display())
}

fn version_flags() -> String {
    let mut flags = "-s -w".to_owned();
    let mut numbers = VERSION.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    for package in VERSION_PACKAGES {
        let package = format!("k8s.io/kubernetes/vendor/k8s.io/{package}");
        flags += &format!(
            " -X {package}.gitVersion=v{VERSION} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
        );
    }
    flags
}

/// Calls `found` with each folder under `folder` that has a Go file with the mark.
fn marked(folder: &Path, found: &mut impl FnMut(&Path)) -> Result<()> {
    let mut has_mark = false;
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != "testdata" {
            marked(&path, found)?;
        } else if kind.is_file() && !has_mark && path.extension().is_some_and(|extension| extension == "go") {
            // The mark must be the comment itself: generators mention it in strings.
            has_mark = fs::read_to_string(&path)?.lines().any(|line| {
                line.trim().strip_prefix("//").is_some_and(|comment| comment.trim().starts_with(OPENAPI_MARK))
            });
        }
    }
    if has_mark {
        found(folder);
    }
    Ok(())
}

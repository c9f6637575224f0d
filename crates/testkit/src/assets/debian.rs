//! Debian's packages, taken apart in a folder of our own: nothing is installed in the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{ASSETS_VARIABLE, cache, on_path, step};

/// The release whose packages are used, whatever the machine's own release is: it is the one that
/// has a source of Kubernetes which the Go of the same release can build.
const RELEASE: &str = "bookworm";

/// Where Debian is when the machine has no mirror of its own.
const MIRROR: &str = "http://deb.debian.org/debian";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Gives one of the programs that Debian has ready: etcd, the registry, kubectl.
pub(super) fn tool(name: &str) -> Result<PathBuf> {
    let (folder, _) = cache::folder("debian-tools-1", |workshop| {
        let archive = Archive::open(workshop.scratch(), &workshop.logs)?;
        archive.unpack(&["etcd-server", "docker-registry", "kubernetes-client"], workshop.scratch())?;
        for program in ["etcd", "docker-registry", "kubectl"] {
            let unpacked = workshop.scratch().join("usr/bin").join(program);
            fs::rename(&unpacked, workshop.result().join(program))
                .with_context(|| format!("Debian's packages have no {program}"))?;
        }
        Ok(())
    })?;
    let path = folder.join(name);
    if !path.is_file() {
        bail!("{name} is neither in PATH nor among Debian's programs in {}", folder.display());
    }
    Ok(path)
}

/// What skopeo needs beside the C library, of which each package has a part.
const LIBRARIES: [&str; 7] = [
    "libassuan0",
    "libdevmapper1.02.1",
    "libgpg-error0",
    "libgpgme11",
    "libpcre2-8-0",
    "libselinux1",
    "libudev1",
];

/// Gives Debian's skopeo, and the folder of the libraries that it runs with.
pub(super) fn skopeo() -> Result<(PathBuf, PathBuf)> {
    let (folder, _) = cache::folder("debian-skopeo-1", |workshop| {
        let archive = Archive::open(workshop.scratch(), &workshop.logs)?;
        archive.unpack(&[&["skopeo"], &LIBRARIES[..]].concat(), workshop.scratch())?;
        let libraries = workshop.result().join("lib");
        fs::create_dir(&libraries)?;
        // Debian keeps libraries in a folder of the machine's kind, in either of two places.
        for place in ["lib", "usr/lib"] {
            for folder in fs::read_dir(workshop.scratch().join(place)).into_iter().flatten() {
                for file in fs::read_dir(folder?.path()).into_iter().flatten() {
                    let file = file?;
                    if file.file_name().to_string_lossy().contains(".so.") {
                        fs::rename(file.path(), libraries.join(file.file_name()))?;
                    }
                }
            }
        }
        fs::rename(workshop.scratch().join("usr/bin/skopeo"), workshop.result().join("skopeo"))
            .context("Debian's packages have no skopeo")
    })?;
    Ok((folder.join("skopeo"), folder.join("lib")))
}

/// Gives Debian's library that has a program see another time.
pub(super) fn libfaketime() -> Result<PathBuf> {
    let (folder, _) = cache::folder("debian-faketime-1", |workshop| {
        let archive = Archive::open(workshop.scratch(), &workshop.logs)?;
        archive.unpack(&["libfaketime"], workshop.scratch())?;
        // It is in a folder of the machine's kind.
        let kinds = fs::read_dir(workshop.scratch().join("usr/lib"))?;
        let library = kinds
            .filter_map(|kind| Some(kind.ok()?.path().join("faketime").join(LIBFAKETIME)))
            .find(|path| path.is_file())
            .context("Debian's packages have no libfaketime")?;
        Ok(fs::rename(library, workshop.result().join(LIBFAKETIME))?)
    })?;
    Ok(folder.join(LIBFAKETIME))
}

const LIBFAKETIME: &str = "libfaketime.so.1";

/// Gives the folder of Debian's Prometheus: the server, and the tool that checks rules.
pub(super) fn prometheus() -> Result<PathBuf> {
    let (folder, _) = cache::folder("debian-prometheus-1", |workshop| {
        let archive = Archive::open(workshop.scratch(), &workshop.logs)?;
        archive.unpack(&["prometheus"], workshop.scratch())?;
        for program in ["prometheus", "promtool"] {
            let unpacked = workshop.scratch().join("usr/bin").join(program);
            fs::rename(&unpacked, workshop.result().join(program))
                .with_context(|| format!("Debian's package prometheus has no {program}"))?;
        }
        Ok(())
    })?;
    Ok(folder)
}

/// Debian's archive, seen through package lists of our own.
pub(super) struct Archive<'a> {
    folder: PathBuf,
    logs: &'a Path,
}

impl<'a> Archive<'a> {
    /// Reads the archive's index into `folder`.
    pub(super) fn open(folder: &Path, logs: &'a Path) -> Result<Self> {
        if on_path("apt-get").is_none() {
            bail!(
                "this machine has no apt-get to take Debian's packages with.\n\
                 Name a folder of ready binaries in {ASSETS_VARIABLE}."
            );
        }
        let folder = folder.join("apt");
        fs::create_dir_all(folder.join("lists/partial"))?;
        let signed =
            if Path::new(KEYRING).is_file() { format!("[signed-by={KEYRING}] ") } else { String::new() };
        let mirror = mirror();
        let list: String = ["deb", "deb-src"]
            .iter()
            .map(|kind| format!("{kind} {signed}{mirror} {RELEASE} main\n"))
            .collect();
        fs::write(folder.join("sources.list"), list)?;
        let archive = Self { folder, logs };
        step::run("read the index of Debian's packages", &archive.apt(&["update"]), logs)?;
        Ok(archive)
    }

    /// Unpacks the files of these packages under `root`.
    pub(super) fn unpack(&self, packages: &[&str], root: &Path) -> Result<()> {
        let names = packages.join(" ");
        step::run(&format!("download {names}"), self.apt(&["download"]).args(packages), self.logs)?;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                let name = path.file_name().unwrap_or_default().display().to_string();
                let mut unpack = Command::new("dpkg-deb");
                unpack.arg("--extract").arg(&path).arg(root);
                step::run(&format!("unpack {name}"), &unpack, self.logs)?;
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Unpacks the upstream source of a source package into `root`.
    pub(super) fn unpack_source(&self, package: &str, root: &Path) -> Result<()> {
        step::run(
            &format!("download the source of {package}"),
            self.apt(&["source", "--download-only"]).arg(package),
            self.logs,
        )?;
        let mut tarballs = fs::read_dir(&self.folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let tarball = tarballs
            .find(|path| path.to_string_lossy().contains(".orig.tar."))
            .with_context(|| format!("Debian's source package {package} has no upstream archive"))?;
        fs::create_dir_all(root)?;
        let mut unpack = Command::new("tar");
        unpack
            .arg("--extract")
            .arg("--file")
            .arg(tarball)
            .arg("--strip-components=1")
            .arg("--directory")
            .arg(root);
        step::run(&format!("unpack the source of {package}"), &unpack, self.logs)
    }

    /// An apt-get that reads and writes nothing of the system's, so it needs no root either.
    fn apt(&self, arguments: &[&str]) -> Command {
        let mut apt = Command::new("apt-get");
        apt.current_dir(&self.folder).env("DEBIAN_FRONTEND", "noninteractive");
        for (option, path) in [
            ("Dir::Etc::SourceList", self.folder.join("sources.list")),
            ("Dir::Etc::SourceParts", PathBuf::from("/dev/null")),
            ("Dir::State::Lists", self.folder.join("lists")),
            // What is installed here, maybe of another release, is no reason to want that very version.
            ("Dir::State::status", PathBuf::from("/dev/null")),
            ("Dir::Cache", self.folder.join("cache")),
        ] {
            apt.arg(format!("-o{option}={}", path.display()));
        }
        // The user apt drops to can't read our folder, and packages are verified all the same.
        apt.args(["-oAPT::Sandbox::User=root", "--yes"]).args(arguments);
        apt
    }
}

/// The mirror that this machine uses already, which may be the only one it can reach.
fn mirror() -> String {
    let is_debian =
        fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=debian"));
    if !is_debian {
        return MIRROR.to_owned();
    }
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.sort();
    files
        .iter()
        .filter_map(|file| {
            let text = fs::read_to_string(file).ok()?;
            match file.extension()?.to_str()? {
                "list" => mirror_in_list(&text),
                "sources" => mirror_in_stanzas(&text),
                _ => None,
            }
        })
        .next()
        .unwrap_or_else(|| MIRROR.to_owned())
}

/// Finds Debian's mirror in the one-line format: `deb [options] uri suite components`.
fn mirror_in_list(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.trim().strip_prefix("deb ")?;
        let line = line
            .trim()
            .strip_prefix('[')
            .map_or(line, |rest| rest.split_once(']').map_or("", |(_, rest)| rest));
        let words: Vec<&str> = line.split_whitespace().collect();
        let (uri, rest) = words.split_first()?;
        is_debian_main(uri, rest.first()?, &rest[1..]).then(|| (*uri).to_owned())
    })
}

/// Finds Debian's mirror in the stanza format, deb822.
fn mirror_in_stanzas(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).find_map(|stanza| {
        let field = |name: &str| -> Vec<&str> {
            let value = stanza.iter().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then_some(value)
            });
            value.unwrap_or_default().split_whitespace().collect()
        };
        let uris = field("URIs");
        let uri = uris.first()?;
        (field("Types").contains(&"deb")
            && is_debian_main(uri, field("Suites").first()?, &field("Components")))
        .then(|| (*uri).to_owned())
    })
}

fn is_debian_main(uri: &str, suite: &str, components: &[&str]) -> bool {
    uri.starts_with("http")
        && uri.trim_end_matches('/').ends_with("debian")
        && !suite.contains("security")
        && components.contains(&"main")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_read_from_either_format() {
        let list = "# comment\ndeb-src http://a.example/debian x main\ndeb [arch=amd64 trusted=no] https://m.example/debian/ bookworm main contrib\n";
        assert_eq!(mirror_in_list(list).as_deref(), Some("https://m.example/debian/"));
        let stanzas = "Types: deb\nURIs: https://deb.example/node\nSuites: nodistro\nComponents: main\n\n\
                       Types: deb deb-src\n# why\nURIs: http://m.example/debian http://n.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n";
        assert_eq!(mirror_in_stanzas(stanzas).as_deref(), Some("http://m.example/debian"));
    }

    #[test]
    fn a_security_archive_is_no_mirror() {
        assert_eq!(mirror_in_list("deb http://s.example/debian bookworm-security main"), None);
        assert_eq!(mirror_in_list("deb http://deb.debian.org/debian-security bookworm-security main"), None);
    }
}

//! Where the files are, and what registries are called in them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tagger_core::reference::Registry;

/// What docker has called its registry since before there was a second one.
const HUB: &str = "https://index.docker.io/v1/";

/// The files, those that count first in front, each with whether it has to be there.
pub(super) fn places(variable: impl Fn(&str) -> Option<OsString>) -> Vec<(PathBuf, bool)> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME");
    let below = |folder: &str| home.as_deref().map(|home| home.join(folder));
    let of_podman = |folder: PathBuf| folder.join(Path::new("containers/auth.json"));
    let named = variable("REGISTRY_AUTH_FILE").map(|file| (file, true));
    let docker = variable("DOCKER_CONFIG").or_else(|| below(".docker"));
    let others = [
        docker.map(|folder| folder.join("config.json")),
        variable("XDG_RUNTIME_DIR").map(of_podman),
        variable("XDG_CONFIG_HOME").or_else(|| below(".config")).map(of_podman),
    ];
    named.into_iter().chain(others.into_iter().flatten().map(|file| (file, false))).collect()
}

/// What helpers may know a registry as, the likelier name first.
pub(super) fn servers(registry: &Registry) -> Vec<String> {
    match registry.is_docker_hub() {
        true => vec![HUB.to_owned(), registry.to_string()],
        false => vec![registry.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing(&[], &[])]
    #[case::home(
        &[("HOME", "/h")],
        &["/h/.docker/config.json", "/h/.config/containers/auth.json"]
    )]
    #[case::all(
        &[("HOME", "/h"), ("DOCKER_CONFIG", "/d"), ("XDG_RUNTIME_DIR", "/r"), ("XDG_CONFIG_HOME", "/c"), ("REGISTRY_AUTH_FILE", "/a")],
        &["/a", "/d/config.json", "/r/containers/auth.json", "/c/containers/auth.json"]
    )]
    #[case::empty_is_unset(&[("HOME", "/h"), ("DOCKER_CONFIG", ""), ("REGISTRY_AUTH_FILE", "")], &["/h/.docker/config.json", "/h/.config/containers/auth.json"])]
    fn files_are_where_docker_and_podman_have_them(#[case] set: &[(&str, &str)], #[case] files: &[&str]) {
        let of = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let found: Vec<String> = places(of).iter().map(|(file, _)| file.display().to_string()).collect();
        assert_eq!(found, files);
    }

    #[test]
    fn docker_hub_has_two_names() {
        assert_eq!(servers(&Registry::docker_hub()), [HUB, "docker.io"]);
        assert_eq!(servers(&"a.io:5000".parse().unwrap()), ["a.io:5000"]);
    }
}

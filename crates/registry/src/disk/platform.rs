//! Which image of an index is meant.

use serde::Deserialize;
use tagger_core::reference::Digest;

use crate::fault::shown;
use crate::inspect::Platform;

/// Says why an image can't be had as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageProblem {
    /// It is not for that platform.
    #[error("the image is not for {wanted}; it is for {}", list(.there))]
    NoPlatform {
        /// What was asked for.
        wanted: Platform,
        /// What there is.
        there: Vec<Platform>,
    },
    /// More than one of its platforms is meant.
    #[error("the image is for several platforms: {}", list(.there))]
    PlatformNeeded {
        /// Those that are meant.
        there: Vec<Platform>,
    },
    /// It is of a kind that docker can't load.
    #[error("it is no container image, and docker load takes nothing else")]
    NotRunnable,
    /// One of its layers is elsewhere.
    #[error("its layer {0} is not in the registry, and docker load needs all of them")]
    LayerElsewhere(Digest),
}

fn list(platforms: &[Platform]) -> String {
    match platforms {
        [] => "none that is named".to_owned(),
        some => some.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    digest: Digest,
    platform: Option<Platform>,
}

/// The manifest of an index that is for a platform; where none is asked for, the only one that it is for.
pub(super) fn choose(index: &[u8], wanted: Option<&Platform>) -> Result<Digest, ImageProblem> {
    let index: Index = serde_json::from_slice(index).unwrap_or(Index { manifests: Vec::new() });
    let for_some = |child: Child| child.platform.filter(Platform::is_known).map(|of| (of, child.digest));
    let there: Vec<(Platform, Digest)> = index.manifests.into_iter().filter_map(for_some).collect();
    let names = |of: &[(Platform, Digest)]| of.iter().map(|(platform, _)| platform.clone()).collect();
    let is_meant = |(platform, _): &&(Platform, Digest)| wanted.is_none_or(|wanted| wanted.means(platform));
    let mut meant: Vec<(Platform, Digest)> = there.iter().filter(is_meant).cloned().collect();
    // The same image may be named twice.
    meant.dedup_by(|one, other| one.1 == other.1);
    match (&meant[..], wanted) {
        ([(_, digest)], _) => Ok(digest.clone()),
        ([], Some(wanted)) => Err(ImageProblem::NoPlatform { wanted: wanted.clone(), there: names(&there) }),
        _ => Err(ImageProblem::PlatformNeeded { there: names(&meant) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn index(platforms: &[&str]) -> Vec<u8> {
        let child = |(number, text): (usize, &&str)| {
            let platform: Vec<&str> = text.split('/').collect();
            json!({
                "digest": format!("sha256:{number:064x}"),
                "platform": {"os": platform[0], "architecture": platform[1], "variant": platform.get(2)},
            })
        };
        let manifests: Vec<_> = platforms.iter().enumerate().map(child).collect();
        json!({ "manifests": manifests }).to_string().into_bytes()
    }

    #[rstest]
    #[case::named(&["linux/amd64", "linux/arm64/v8"], Some("linux/arm64"), Ok(1))]
    #[case::the_only_one(&["linux/amd64", "unknown/unknown"], None, Ok(0))]
    #[case::variant(&["linux/arm/v6", "linux/arm/v7"], Some("linux/arm/v7"), Ok(1))]
    #[case::arm64_has_one(&["linux/arm64"], Some("linux/arm64/v8"), Ok(0))]
    #[case::several(&["linux/amd64", "linux/arm64"], None, Err("for several platforms: linux/amd64, linux/arm64"))]
    #[case::several_variants(&["linux/arm/v6", "linux/arm/v7"], Some("linux/arm"), Err("for several platforms: linux/arm/v6, linux/arm/v7"))]
    #[case::none(&["linux/amd64"], Some("windows/amd64"), Err("not for windows/amd64; it is for linux/amd64"))]
    fn one_platform_is_chosen(
        #[case] there: &[&str],
        #[case] wanted: Option<&str>,
        #[case] chosen: Result<usize, &str>,
    ) {
        let wanted = wanted.map(|wanted| wanted.parse().unwrap());
        match (choose(&index(there), wanted.as_ref()), chosen) {
            (Ok(digest), Ok(number)) => assert_eq!(digest.as_str(), format!("sha256:{number:064x}")),
            (Err(problem), Err(text)) => assert!(problem.to_string().contains(text), "{problem}"),
            (chosen, expected) => panic!("{chosen:?} in place of {expected:?}"),
        }
    }
}

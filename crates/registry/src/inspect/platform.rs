use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// Says for which machines an image is: `os/architecture[/variant]`, such as `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct Platform {
    /// The operating system: `linux`, `windows`.
    pub os: String,
    /// The processor: `amd64`, `arm64`, `arm`.
    pub architecture: String,
    /// Which of the processor's kinds, where that matters: `v7`.
    #[serde(default)]
    pub variant: Option<String>,
}

/// Why a text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no platform; write os/architecture or os/architecture/variant, such as linux/arm64")]
pub struct PlatformError(String);

impl Platform {
    /// Whether an image for the other platform is one that is meant by this one. Without a variant, any is.
    pub fn means(&self, other: &Self) -> bool {
        let variant = other.variant.as_deref().or(usual_variant(&other.architecture));
        (&self.os, &self.architecture) == (&other.os, &other.architecture)
            && self.variant.as_deref().is_none_or(|meant| Some(meant) == variant)
    }

    /// Whether it says anything: builders put what is no image into an index under `unknown/unknown`.
    pub(crate) fn is_known(&self) -> bool {
        ![&self.os, &self.architecture].into_iter().any(|part| part.is_empty() || part == "unknown")
    }
}

/// The variant that an image for this processor has where it names none.
fn usual_variant(architecture: &str) -> Option<&'static str> {
    match architecture {
        "arm64" => Some("v8"),
        "arm" => Some("v7"),
        _ => None,
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let is_word = |part: &&str| {
            let inner = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            !part.is_empty() && part.bytes().all(inner)
        };
        let parts: Vec<&str> = text.split('/').filter(is_word).collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => return Err(PlatformError(text.to_owned())),
        };
        match text.split('/').count() == parts.len() {
            true => Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant }),
            false => Err(PlatformError(text.to_owned())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("linux/amd64", "linux/amd64", true)]
    #[case("linux/amd64", "linux/arm64", false)]
    #[case("linux/amd64", "windows/amd64", false)]
    #[case::any_variant("linux/arm", "linux/arm/v6", true)]
    #[case::this_variant("linux/arm/v6", "linux/arm/v7", false)]
    #[case::the_usual_variant_is_left_out("linux/arm64/v8", "linux/arm64", true)]
    fn a_platform_means_those_that_fit(#[case] meant: Platform, #[case] other: Platform, #[case] fits: bool) {
        assert_eq!(meant.means(&other), fits);
        assert_eq!(other.to_string().parse(), Ok(other));
    }

    #[rstest]
    #[case("")]
    #[case("linux")]
    #[case("linux/")]
    #[case("linux//v7")]
    #[case("linux/arm/v7/x")]
    #[case("linux/arm 64")]
    fn what_is_no_platform_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Platform>(), Err(PlatformError(text.to_owned())));
    }
}

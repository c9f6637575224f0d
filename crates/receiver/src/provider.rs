//! Who sends notifications, and how each shows that it is who it says.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;

/// A registry, or a service before one, that sends notifications in a form of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// Docker Hub.
    DockerHub,
    /// Quay, quay.io or one's own.
    Quay,
    /// GitHub's container registry.
    GitHub,
    /// Harbor.
    Harbor,
    /// Azure Container Registry, by its webhooks.
    Azure,
    /// Azure Container Registry, by Event Grid.
    EventGrid,
    /// Google's Artifact Registry, by Pub/Sub.
    Google,
    /// Amazon's ECR, by EventBridge.
    Amazon,
    /// JFrog Artifactory.
    JFrog,
    /// Sonatype Nexus Repository 3.
    Nexus,
    /// The CNCF's distribution, which is the registry that many others are made of.
    Distribution,
    /// GitLab's registry, run by oneself.
    GitLab,
    /// zot.
    Zot,
    /// Whatever sends CloudEvents that say repository and tag.
    CloudEvents,
}

/// How a sender shows that it is who it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// It knows the path.
    Path,
    /// It sends the secret in a header.
    Header,
    /// It signs the body with the secret.
    Signature(Signature),
    /// It sends a token that Google has signed.
    Identity,
}

/// Where the signature of a body is, and how it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The header that has it, in hexadecimal.
    pub header: &'static str,
    /// What stands before it.
    pub prefix: &'static str,
    /// How it is made.
    pub hash: Hash,
}

/// The hash function of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, which Nexus has no alternative to. As an HMAC, it is still sound.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Hash {
    pub(crate) fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        }
    }
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::DockerHub,
        Self::Quay,
        Self::GitHub,
        Self::Harbor,
        Self::Azure,
        Self::EventGrid,
        Self::Google,
        Self::Amazon,
        Self::JFrog,
        Self::Nexus,
        Self::Distribution,
        Self::GitLab,
        Self::Zot,
        Self::CloudEvents,
    ];

    /// Its name: that of its path, of its key in the Secret, and of its label in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DockerHub => "docker-hub",
            Self::Quay => "quay",
            Self::GitHub => "github",
            Self::Harbor => "harbor",
            Self::Azure => "azure",
            Self::EventGrid => "event-grid",
            Self::Google => "google",
            Self::Amazon => "amazon",
            Self::JFrog => "jfrog",
            Self::Nexus => "nexus",
            Self::Distribution => "distribution",
            Self::GitLab => "gitlab",
            Self::Zot => "zot",
            Self::CloudEvents => "cloudevents",
        }
    }

    /// How it shows that it is who it says.
    pub const fn entrance(self) -> Entrance {
        match self {
            Self::DockerHub | Self::Quay | Self::EventGrid => Entrance::Path,
            Self::GitHub => Entrance::Signature(Signature {
                header: "x-hub-signature-256",
                prefix: "sha256=",
                hash: Hash::Sha256,
            }),
            Self::JFrog => Entrance::Signature(Signature {
                header: "x-jfrog-event-auth",
                prefix: "",
                hash: Hash::Sha256,
            }),
            Self::Nexus => Entrance::Signature(Signature {
                header: "x-nexus-webhook-signature",
                prefix: "",
                hash: Hash::Sha1,
            }),
            Self::Google => Entrance::Identity,
            Self::Harbor
            | Self::Azure
            | Self::Amazon
            | Self::Distribution
            | Self::GitLab
            | Self::Zot
            | Self::CloudEvents => Entrance::Header,
        }
    }
}

/// No provider has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no provider of notifications is called {0:?}; there are {all}", all = names())]
pub struct UnknownProvider(String);

fn names() -> String {
    Provider::ALL.map(Provider::name).join(", ")
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        let known = Self::ALL.into_iter().find(|provider| provider.name() == text);
        known.ok_or_else(|| UnknownProvider(text.to_owned()))
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name() {
        for provider in Provider::ALL {
            assert_eq!(provider.name().parse(), Ok(provider));
        }
        let error = "gogs\n".parse::<Provider>().unwrap_err().to_string();
        assert!(
            error.starts_with("no provider of notifications is called \"gogs\\n\"; there are docker-hub, ")
        );
    }
}

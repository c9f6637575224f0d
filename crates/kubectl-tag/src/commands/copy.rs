//! `kubectl tag copy`.

use clap::Args;
use serde::Serialize;
use tagger_core::reference::{Digest, Reference};
use tagger_registry::{Amount, Copied, CopyOptions, Destination};

use crate::Exit;
use crate::arguments::{DryRunFlag, Form, OutputFlag, RegistryFlags};
use crate::problem::Problem;
use crate::registry::{Registries, copy_problem, problem};
use crate::session::Session;
use crate::transfer::{Bar, THERE, told};

/// Copies an image from one registry to another.
#[derive(Clone, Debug, Args)]
pub struct Copy {
    /// The image to copy: host/path:tag, or host/path@digest
    #[arg(value_name = "SOURCE")]
    pub source: tagger_core::reference::Reference,

    /// Where to copy it to, and under which tag: host/path:tag
    #[arg(value_name = "DESTINATION")]
    pub destination: tagger_core::reference::Reference,

    /// Copy signatures, SBOMs and attestations as well
    #[arg(long)]
    pub referrers: bool,

    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunFlag,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

/// What came of a copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// The image that was copied.
    source: String,
    /// The copy, by its tag.
    destination: String,
    /// The digest, at both ends.
    digest: Digest,
    /// Whether nothing was copied, since it was only tried.
    dry_run: bool,
    /// What went where. None of a copy that was only tried.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    went: Option<Went>,
}

/// What went where.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Went {
    media_type: String,
    /// The bytes of the manifest.
    size: u64,
    /// What travelled.
    sent: Blobs,
    /// What the destination took from another of its repositories.
    mounted: Blobs,
    /// What was there.
    present: Blobs,
    /// How many signatures and the like followed.
    referrers: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Blobs {
    blobs: u64,
    bytes: u64,
}

impl Copy {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let destination = destination(&self.destination)?;
        let registries = Registries::new(session, &self.registries)?;
        let from = registries.client(&self.source).await?;
        let told = match self.dry_run.dry_run {
            Some(_) => {
                let digest = from.digest(&self.source).await.map_err(|error| problem(&error))?;
                self.told(digest, None)
            }
            None => {
                let into = registries.client_of(&destination.registry).await?;
                let bar = Bar::new(&self.source.to_string());
                let options = CopyOptions { referrers: self.referrers, progress: Some(bar.tell()) };
                let copied = from.copy(&self.source, &into, &destination, &options).await;
                drop(bar);
                let copied = copied.map_err(|error| copy_problem(&error))?;
                self.told(copied.digest.clone(), Some(copied.into()))
            }
        };
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => session.screen.document(form, &told)?,
            Some(Form::Name) => session.screen.line(&told.destination),
            Some(Form::Wide) | None => session.screen.line(sentence(&told)),
        }
        Ok(Exit::Done)
    }

    fn told(&self, digest: Digest, went: Option<Went>) -> Told {
        Told {
            source: self.source.to_string(),
            destination: self.destination.to_string(),
            digest,
            dry_run: went.is_none(),
            went,
        }
    }
}

impl From<Copied> for Went {
    fn from(copied: Copied) -> Self {
        let blobs = |amount: Amount| Blobs { blobs: amount.blobs, bytes: amount.bytes };
        Self {
            media_type: copied.media_type,
            size: copied.size,
            sent: blobs(copied.sent),
            mounted: blobs(copied.mounted),
            present: blobs(copied.present),
            referrers: copied.referrers,
        }
    }
}

/// Where a copy goes.
fn destination(named: &Reference) -> Result<Destination, Problem> {
    let Some(registry) = named.registry().cloned() else {
        let what = format!("the destination {named} names no registry");
        return Err(Problem::Invalid(what, Some("write host/path:tag".to_owned())));
    };
    if let Some(digest) = named.digest() {
        let what = format!("the destination bears {digest}, but a copy has the digest of its source");
        return Err(Problem::Invalid(what, Some("leave the digest out".to_owned())));
    }
    let tags = named.tag().cloned().into_iter().collect();
    Ok(Destination { registry, repository: named.repository().clone(), tags })
}

fn sentence(copy: &Told) -> String {
    let (source, destination, digest) = (&copy.source, &copy.destination, &copy.digest);
    let Some(went) = &copy.went else {
        return format!("{source} would be copied to {destination} ({digest}) (dry run)");
    };
    let amount = |of: Blobs| Amount { blobs: of.blobs, bytes: of.bytes };
    let mut parts = told(&[
        (amount(went.sent), "sent"),
        (amount(went.mounted), "mounted"),
        (amount(went.present), THERE),
    ]);
    if went.referrers > 0 {
        parts += &format!(", and {} signatures and the like", went.referrers);
    }
    format!("{source} copied to {destination} ({digest}): {parts}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a.io/b:1", Ok("a.io b 1"))]
    #[case("a.io/b", Ok("a.io b latest"))]
    #[case("b", Err("names no registry"))]
    #[case(
        "a.io/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        Err("a copy has the digest of its source")
    )]
    fn a_destination_is_a_registry_and_a_tag(#[case] named: &str, #[case] is: Result<&str, &str>) {
        match (destination(&named.parse().unwrap()), is) {
            (Ok(to), Ok(told)) => {
                assert_eq!(format!("{} {} {}", to.registry, to.repository, to.tags[0].as_str()), told);
            }
            (Err(problem), Err(told)) => assert!(problem.to_string().contains(told), "{problem}"),
            (other, expected) => panic!("{other:?} in place of {expected:?}"),
        }
    }

    #[test]
    fn what_did_not_happen_is_not_told() {
        let nothing = Blobs { blobs: 0, bytes: 0 };
        let went = Went {
            media_type: "a/b".into(),
            size: 7,
            sent: Blobs { blobs: 1, bytes: 2048 },
            mounted: nothing,
            present: nothing,
            referrers: 0,
        };
        let digest = format!("sha256:{:064x}", 1).parse().unwrap();
        let told = Told {
            source: "a.io/b:1".into(),
            destination: "c.io/d:1".into(),
            digest,
            dry_run: false,
            went: Some(went),
        };
        assert!(sentence(&told).ends_with("): 1 blob of 2.00 KiB sent"), "{}", sentence(&told));
    }
}

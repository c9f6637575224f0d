//! `kubectl tag history`.

mod images;

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use tagger_api::Tag;
use tagger_core::generation::Generation;

use crate::age::age;
use crate::arguments::{Form, OutputFlag, RegistryFlags};
use crate::problem::Problem;
use crate::screen::GOOD;
use crate::session::Session;
use crate::workloads::{self, Workload};
use crate::{Exit, tags};
use images::Image;

/// Shows the generations of a Tag.
#[derive(Clone, Debug, Args)]
pub struct History {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

/// A generation, with who runs it: what `-o json` prints for each.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(flatten)]
    generation: Generation,
    /// Whether workloads are given it now.
    current: bool,
    /// Whether workloads are given the copy in the cache.
    cached: bool,
    /// The annotated workloads of the namespace that run its image; none where they may not be listed.
    workloads: Option<Vec<String>>,
    /// What the registry says of the image, where it was asked.
    #[serde(flatten)]
    image: Option<Image>,
}

impl History {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let cluster = session.cluster().await?;
        let tag = tags::find(cluster, &self.name).await?;
        // Who may see Tags may not be allowed to see workloads.
        let workloads = match workloads::annotated(cluster, Some(&cluster.namespace)).await {
            Err(Problem::NoRights { .. }) => None,
            other => Some(other?),
        };
        let mut rows = rows(&tag, workloads.as_deref());
        // The table for people is made of what the cluster knows; a registry may be slow, or far away.
        if self.output.form.is_some_and(|form| form != Form::Name) {
            images::add(session, &self.registries, &mut rows).await?;
        }
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => session.screen.document(form, &rows)?,
            Some(Form::Name) => rows.iter().for_each(|row| session.screen.line(row.generation.generation)),
            _ if rows.is_empty() => session.screen.note(format_args!(
                "The Tag {0} has no generation yet. kubectl tag status {0} shows how the first import goes.",
                self.name
            )),
            form => {
                let titles = titles(form == Some(Form::Wide));
                let now = Timestamp::now();
                let rows = rows.iter().map(|row| row.cells(form == Some(Form::Wide), now)).collect();
                session.screen.table(&titles, rows);
            }
        }
        Ok(Exit::Done)
    }
}

fn titles(wide: bool) -> Vec<&'static str> {
    let mut titles = vec!["GENERATION", "DIGEST", "TAG", "AGE", "TRIGGER", "CACHED", "WORKLOADS"];
    if wide {
        titles.extend(["SIZE", "PLATFORMS", "IMAGE"]);
    }
    titles
}

fn rows(tag: &Tag, workloads: Option<&[Workload]>) -> Vec<Row> {
    let Some(status) = &tag.status else { return Vec::new() };
    let row = |generation: &Generation| {
        let digest = generation.digest().map(|digest| format!("@{digest}"));
        let runs = |workload: &&Workload| {
            let slots = workload.slots.iter();
            let follows =
                |name: &str| workload.follows.get(name).is_some_and(|follow| follow.tag == tag.name_any());
            slots
                .filter(|slot| follows(&slot.name))
                .any(|slot| digest.as_ref().is_some_and(|digest| slot.image.ends_with(digest)))
        };
        Row {
            current: status.generation == Some(generation.generation),
            cached: generation.is_mirrored() || generation.is_upload(),
            workloads: workloads.map(|all| all.iter().filter(runs).map(Workload::label).collect()),
            generation: generation.clone(),
            image: None,
        }
    };
    status.references.iter().map(row).collect()
}

impl Row {
    fn cells(&self, wide: bool, now: Timestamp) -> Vec<String> {
        let Generation { generation, imported_at, tag, trigger, image_reference, .. } = &self.generation;
        let number = match self.current {
            true => format!("{GOOD}{generation} (current){GOOD:#}"),
            false => generation.to_string(),
        };
        let digest = self.generation.digest().map_or_else(|| "-".to_owned(), |digest| short(digest.as_str()));
        let workloads = match self.workloads.as_deref() {
            None => "?".to_owned(),
            Some([]) => "-".to_owned(),
            Some(some) => some.join(", "),
        };
        let mut cells = vec![
            number,
            digest,
            tag.clone().unwrap_or_else(|| "-".to_owned()),
            age(*imported_at, now),
            trigger.map_or_else(|| "-".to_owned(), |trigger| format!("{trigger:?}")),
            if self.cached { "yes" } else { "no" }.to_owned(),
            workloads,
        ];
        if wide {
            let unknown = || "?".to_owned();
            let image = self.image.as_ref();
            cells.push(image.map_or_else(unknown, |image| indicatif::HumanBytes(image.size).to_string()));
            cells.push(image.map_or_else(unknown, |image| image.platforms.join(",")));
            cells.push(image_reference.clone());
        }
        cells
    }
}

/// A digest as people recognise it: the algorithm and twelve characters.
pub(crate) fn short(digest: &str) -> String {
    let end = digest.find(':').map_or(12, |colon| colon + 13).min(digest.len());
    digest[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tagger_api::workload::Kind;

    #[test]
    fn a_generation_says_who_runs_it_whatever_place_the_image_has() {
        let image = |place: &str, number: i64| format!("{place}@sha256:{number:064x}");
        let one = |number: i64| json!({ "generation": number, "from": "a/b", "importedAt": "2026-01-01T00:00:00Z", "imageReference": image("a/b", number) });
        let tag = serde_json::from_value(json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": "myapp" }, "spec": { "from": "a/b" },
            "status": { "generation": 1, "references": [one(1), one(0)] },
        }));
        let workload = |name: &str, follows: &str, image: &str| {
            let record = json!({ "app": { "tag": follows, "image": image } }).to_string();
            let object = json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": { "name": name, "annotations": { "image-tag": "true", "images.io/follows": record } },
                "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": image }] } } },
            });
            Workload::read(Kind::Deployment, &serde_json::from_value(object).unwrap()).unwrap()
        };
        let workloads = [
            workload("web", "myapp", &image("a/b", 1)),
            workload("old", "myapp", &image("cache/a", 0)),
            workload("other", "else", &image("a/b", 1)),
        ];
        let rows = rows(&tag.unwrap(), Some(&workloads));
        let told: Vec<_> = rows.iter().map(|row| (row.current, row.workloads.clone().unwrap())).collect();
        assert_eq!(
            told,
            [(true, vec!["deployment/web".to_owned()]), (false, vec!["deployment/old".to_owned()])]
        );
    }

    #[test]
    fn a_digest_is_short() {
        assert_eq!(short("sha256:0123456789abcdef"), "sha256:0123456789ab");
        assert_eq!(short("abc"), "abc");
    }
}

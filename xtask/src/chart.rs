//! The Helm chart: linted, rendered for several versions of Kubernetes and held to their schemas, and packaged.

mod readme;
mod values;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use tagger_testkit::helm::{Helm, Rendered, Rendering, Validated};

use crate::cargo;
use crate::generate::File;

/// The versions of Kubernetes that the chart is rendered for: the oldest that is supported, those at which something changes in it, and
/// the newest that there are schemas of.
const KUBERNETES: [&str; 8] = ["1.20", "1.21", "1.25", "1.27", "1.28", "1.30", "1.33", "1.36"];

/// The oldest version that there are schemas of; older ones are held to these.
const OLDEST_SCHEMAS: u32 = 25;

/// Kinds of others, of which there are no schemas here: those that the chart makes only where their operator is installed, and the
/// budget of Kubernetes 1.20.
const WITHOUT_SCHEMA: [&str; 5] =
    ["ServiceMonitor", "PrometheusRule", "Certificate", "Issuer", "PodDisruptionBudget"];

/// The flags of `chart`.
#[derive(Args)]
pub(crate) struct Options {
    /// Write the chart's archive into this folder as well
    #[arg(long, value_name = "FOLDER")]
    package: Option<PathBuf>,
    /// The repository of the image that the packaged chart installs, such as ghcr.io/OWNER/tagger
    #[arg(long, value_name = "REPOSITORY", requires = "package")]
    image: Option<String>,
    /// The digest of that image
    #[arg(long, value_name = "DIGEST", requires = "image")]
    digest: Option<String>,
}

/// Checks the chart, and packages it where that is asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (start, chart, helm) = (Instant::now(), folder(&cargo::root()), Helm::obtain()?);
    check(&helm, &chart, &cases(&chart)?)?;
    println!("{:.1} s", start.elapsed().as_secs_f32());
    match &options.package {
        Some(into) => package(&helm, &chart, into, options),
        None => Ok(()),
    }
}

/// The files in the chart that are made from the code.
pub(crate) fn parts(root: &Path) -> Result<Vec<File>> {
    let definition = serde_json::to_value(tagger_api::crd::definition())?;
    let definition = format!(
        "# Made by `cargo xtask generate`; edit the code, not this file.\n{}",
        serde_yaml_ng::to_string(&definition)?
    );
    Ok(vec![
        ("charts/tagger/files/crd.yaml".to_owned(), definition),
        ("charts/tagger/README.md".to_owned(), readme::text(&folder(root))?),
    ])
}

fn folder(root: &Path) -> PathBuf {
    root.join("charts/tagger")
}

/// The files of values that the chart is tried with, by their names.
fn cases(chart: &Path) -> Result<Vec<(String, Value)>> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(chart.join("ci")).context("the chart has no folder ci")? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        let values =
            serde_yaml_ng::from_str(&text).with_context(|| format!("{} is no YAML", path.display()))?;
        cases.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), values));
    }
    cases.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(cases)
}

/// Lints and renders the chart with each file of values for each version, and holds every object to the version's schemas.
fn check(helm: &Helm, chart: &Path, cases: &[(String, Value)]) -> Result<()> {
    let (mut names, mut renderings) = (Vec::new(), Vec::new());
    for (name, values) in cases {
        for kubernetes in KUBERNETES {
            names.push(format!("charts/tagger with ci/{name}.yaml for Kubernetes {kubernetes}"));
            renderings.push(Rendering {
                chart: chart.to_owned(),
                values: values.clone(),
                namespace: "tagger-system".to_owned(),
                kubernetes: kubernetes.to_owned(),
            });
        }
    }
    for (name, flaws) in names.iter().zip(helm.lint(&renderings)?) {
        ensure!(flaws.is_empty(), "{name}: Helm's lint says {}", Value::Array(flaws));
    }
    let mut sets = Vec::new();
    for (name, rendered) in names.iter().zip(helm.render(&renderings)?) {
        let rendered = rendered.with_context(|| name.clone())?;
        sets.push(objects(&rendered).with_context(|| name.clone())?);
    }
    let versions: Vec<String> =
        renderings.iter().map(|rendering| schemas(&rendering.kubernetes)).collect::<Result<_>>()?;
    let against: Vec<(&[Value], &str)> =
        sets.iter().zip(&versions).map(|(set, version)| (set.as_slice(), version.as_str())).collect();
    for (name, validated) in names.iter().zip(helm.validate(&against)?) {
        println!("{}", judged(name, validated)?);
    }
    Ok(())
}

/// What is said of objects that are as they should be.
fn judged(name: &str, validated: Validated) -> Result<String> {
    if let [first, ..] = validated.wrong.as_slice() {
        bail!("{name}: {} objects are wrong, such as {first}", validated.wrong.len());
    }
    let mut unknown = validated.unknown;
    if let Some(kind) = unknown.iter().find(|kind| !WITHOUT_SCHEMA.contains(&kind.as_str())) {
        bail!("{name}: Kubernetes has no {kind} of that version");
    }
    unknown.sort_unstable();
    unknown.dedup();
    let without = match unknown.is_empty() {
        true => String::new(),
        false => format!(", without schema: {}", unknown.join(", ")),
    };
    Ok(format!("{name}: {} objects pass{without}", validated.well))
}

/// The version whose schemas objects are held to.
fn schemas(kubernetes: &str) -> Result<String> {
    let minor: u32 = kubernetes.trim_start_matches("1.").parse().context("no version of Kubernetes")?;
    Ok(format!("1.{}", minor.max(OLDEST_SCHEMAS)))
}

/// The objects in what was rendered.
fn objects(rendered: &Rendered) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for (template, text) in rendered.iter().filter(|(template, _)| !template.ends_with(".txt")) {
        for document in serde_yaml_ng::Deserializer::from_str(text) {
            let object = Value::deserialize(document).with_context(|| format!("{template} is no YAML"))?;
            objects.extend(Some(object).filter(|object| !object.is_null()));
        }
    }
    Ok(objects)
}

/// Packages a copy of the chart that names the image to install.
fn package(helm: &Helm, chart: &Path, into: &Path, options: &Options) -> Result<()> {
    let work = cargo::root().join("target/chart");
    let copy = work.join("tagger");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).with_context(|| format!("remove {}", copy.display()))?;
    }
    copy_folder(chart, &copy)?;
    if let Some(image) = &options.image {
        let path = copy.join("values.yaml");
        let text = std::fs::read_to_string(&path)?;
        let named = values::with_image(&text, image, options.digest.as_deref())?;
        std::fs::write(&path, named)?;
    }
    std::fs::create_dir_all(into).with_context(|| format!("make {}", into.display()))?;
    let archive = helm.package(&copy, into, env!("CARGO_PKG_VERSION"))?;
    println!("{}", archive.display());
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let (entry, to) = (entry?, to);
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &to)?,
            false => std::fs::copy(entry.path(), &to).map(drop)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(unknown: &[&str], wrong: &[&str]) -> Validated {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Validated { well: 2, unknown: owned(unknown), wrong: owned(wrong) }
    }

    #[test]
    fn what_no_schema_knows_is_said_and_nothing_else_gets_through() {
        let told = judged("it", validated(&["Issuer", "Issuer"], &[])).unwrap();
        assert_eq!(told, "it: 2 objects pass, without schema: Issuer");
        let error = judged("it", validated(&["Deploymint"], &[])).unwrap_err().to_string();
        assert!(error.contains("no Deploymint"), "{error}");
        let error = judged("it", validated(&[], &["Deployment a: spec: x"])).unwrap_err().to_string();
        assert!(error.contains("1 objects are wrong, such as Deployment a"), "{error}");
    }

    #[test]
    fn old_versions_are_held_to_the_oldest_schemas() {
        assert_eq!(schemas("1.20").unwrap(), "1.25");
        assert_eq!(schemas("1.36").unwrap(), "1.36");
    }
}

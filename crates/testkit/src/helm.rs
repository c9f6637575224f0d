//! Helm itself: charts are rendered, linted and installed by its own code, and what comes out is held to the strict schemas of
//! Kubernetes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::assets;

/// What calls Helm, in the language that Helm's code can be had for without a build.
const PROGRAM: &str = include_str!("helm/helm.py");

/// Helm, ready to be asked. Nothing is installed in the system for it.
#[derive(Clone, Debug)]
pub struct Helm {
    python: PathBuf,
}

/// A chart with what it is rendered for.
#[derive(Clone, Debug)]
pub struct Rendering {
    /// The folder of the chart.
    pub chart: PathBuf,
    /// The values, where they are others than the chart's own.
    pub values: Value,
    /// The namespace; the release is called `tagger`.
    pub namespace: String,
    /// The version of Kubernetes, such as 1.33.
    pub kubernetes: String,
}

/// The text of each template, by its path in the chart.
pub type Rendered = BTreeMap<String, String>;

impl Helm {
    /// Finds Helm, and installs it into the project's cache folder where it is not there.
    pub fn obtain() -> Result<Self> {
        Ok(Self { python: assets::helm()? })
    }

    /// Renders charts. What Helm refuses is an error of that one alone.
    pub fn render(&self, renderings: &[Rendering]) -> Result<Vec<Result<Rendered>>> {
        let request = |it: &Rendering| {
            json!({
                "do": "render", "chart": it.chart, "values": it.values, "name": "tagger", "namespace": it.namespace,
                "kube_version": format!("v{}.0", it.kubernetes),
            })
        };
        let answers = self.ask(renderings.iter().map(request).collect())?;
        Ok(answers.into_iter().map(|answer| Ok(serde_json::from_value(answer?)?)).collect())
    }

    /// What Helm's lint has against charts, warnings as well: a list for each.
    pub fn lint(&self, renderings: &[Rendering]) -> Result<Vec<Vec<Value>>> {
        let request = |it: &Rendering| {
            json!({
                "do": "lint", "chart": it.chart, "values": it.values, "namespace": it.namespace,
                "kube_version": format!("v{}.0", it.kubernetes),
            })
        };
        let answers = self.ask(renderings.iter().map(request).collect())?;
        answers.into_iter().map(|answer| Ok(serde_json::from_value(answer?)?)).collect()
    }

    /// What is wrong with objects, by the strict schemas of the version of Kubernetes beside them, such as 1.33. Kinds that have no
    /// schema are told apart.
    pub fn validate(&self, sets: &[(&[Value], &str)]) -> Result<Vec<Validated>> {
        let request = |(objects, version): &(&[Value], &str)| json!({ "do": "validate", "objects": objects, "version": version });
        let answers = self.ask(sets.iter().map(request).collect())?;
        sets.iter()
            .zip(answers)
            .map(|((objects, _), answer)| Ok(Validated::read(objects, &answer?)))
            .collect()
    }

    /// Writes the chart's archive into a folder, and says where it is.
    pub fn package(&self, chart: &Path, folder: &Path, version: &str) -> Result<PathBuf> {
        let told =
            self.one(json!({ "do": "package", "chart": chart, "folder": folder, "version": version }))?;
        told.as_str().map(PathBuf::from).context("Helm names no archive")
    }

    /// Installs a chart on a cluster, as `tagger` in a namespace, which is made where it is missing.
    pub fn install(&self, kubeconfig: &Path, namespace: &str, chart: &Path, values: &Value) -> Result<()> {
        self.act("install", kubeconfig, namespace, json!({ "chart": chart, "values": values }))
    }

    /// Upgrades what was installed, with these values and no others.
    pub fn upgrade(&self, kubeconfig: &Path, namespace: &str, chart: &Path, values: &Value) -> Result<()> {
        self.act("upgrade", kubeconfig, namespace, json!({ "chart": chart, "values": values }))
    }

    /// Uninstalls what was installed.
    pub fn uninstall(&self, kubeconfig: &Path, namespace: &str) -> Result<()> {
        self.act("uninstall", kubeconfig, namespace, json!({}))
    }

    fn act(&self, what: &str, kubeconfig: &Path, namespace: &str, more: Value) -> Result<()> {
        let mut request =
            json!({ "do": what, "kubeconfig": kubeconfig, "namespace": namespace, "name": "tagger" });
        if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
            request.extend(more);
        }
        self.one(request).map(drop).with_context(|| format!("Helm did not {what} the chart"))
    }

    fn one(&self, request: Value) -> Result<Value> {
        self.ask(vec![request])?.pop().context("Helm gave no answer")?
    }

    /// Asks everything at once, for it takes a moment to begin.
    fn ask(&self, requests: Vec<Value>) -> Result<Vec<Result<Value>>> {
        let mut child = Command::new(&self.python)
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", self.python.display()))?;
        let number = requests.len();
        let input = serde_json::to_vec(&requests)?;
        let mut pipe = child.stdin.take().context("Helm takes no input")?;
        // It reads everything before it writes anything.
        let written = pipe.write_all(&input);
        drop(pipe);
        let output = child.wait_with_output().context("wait for Helm")?;
        if written.is_err() || !output.status.success() {
            bail!("Helm's own code did not run: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let answers: Vec<Value> =
            serde_json::from_slice(&output.stdout).context("Helm's answer is no JSON")?;
        ensure!(answers.len() == number, "Helm gave {} answers to {number} requests", answers.len());
        let read = |mut answer: Value| match answer["error"].as_str() {
            Some(error) => Err(anyhow::anyhow!("{error}")),
            None => Ok(answer["ok"].take()),
        };
        Ok(answers.into_iter().map(read).collect())
    }
}

/// How objects stood the schemas.
#[derive(Clone, Debug, Default)]
pub struct Validated {
    /// How many are as they should be.
    pub well: usize,
    /// The kinds that there is no schema of.
    pub unknown: Vec<String>,
    /// What is wrong, with the kind and the name of the object.
    pub wrong: Vec<String>,
}

impl Validated {
    fn read(objects: &[Value], told: &Value) -> Self {
        let mut validated = Self::default();
        for (object, told) in objects.iter().zip(told.as_array().into_iter().flatten()) {
            let kind = object["kind"].as_str().unwrap_or_default().to_owned();
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            match told {
                Value::Null => validated.well += 1,
                Value::Bool(_) => validated.unknown.push(kind),
                wrong => {
                    validated.wrong.push(format!("{kind} {name}: {}", wrong.as_str().unwrap_or_default()))
                }
            }
        }
        validated
    }
}

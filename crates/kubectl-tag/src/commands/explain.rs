//! `kubectl tag explain`.

mod named;
mod reason;

use std::collections::HashMap;

use clap::Args;
use kube::api::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::Value;
use tagger_api::Tag;
use tagger_api::workload::Kind;

use crate::arguments::{Form, OutputFlag};
use crate::problem::Problem;
use crate::screen::{BUSY, FAINT, GOOD};
use crate::session::{Cluster, Session};
use crate::workloads::versions;
use crate::{Exit, tags};
use reason::{Container, Explanation};

/// Says which container follows which Tag, and why.
#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// The workload: deployment/NAME, or the kind and the name
    #[arg(value_name = "WORKLOAD", required = true, num_args = 1..=2, add = clap_complete::ArgValueCompleter::new(super::completion::workloads))]
    pub workload: Vec<String>,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Explain {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let (kind, name) = named::workload(&self.workload)?;
        let cluster = session.cluster().await?;
        let object = find(cluster, kind, &name).await?;
        let tags: HashMap<String, Tag> = tags::list(cluster, Some(&cluster.namespace), None)
            .await?
            .into_iter()
            .map(|tag| (tag.name_any(), tag))
            .collect();
        let explanation = reason::explain(kind, &object, &cluster.namespace, &tags);
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => session.screen.document(form, &explanation)?,
            _ => tell(session, &explanation),
        }
        Ok(Exit::Done)
    }
}

fn tell(session: &Session, explanation: &Explanation) {
    session.screen.line(&explanation.workload);
    for sentence in &explanation.about {
        session.screen.line(format_args!("  {sentence}"));
    }
    for Container { name, image, tag, generation, why, now } in &explanation.containers {
        session.screen.line(format_args!("\n{name}"));
        session.screen.line(format_args!("  {FAINT}image{FAINT:#}   {image}"));
        let follows = match (tag, generation) {
            (Some(tag), Some(generation)) => format!("{GOOD}{tag}{GOOD:#}, generation {generation}"),
            (Some(tag), None) => format!("{BUSY}{tag}{BUSY:#}"),
            (None, _) => "no Tag".to_owned(),
        };
        session.screen.line(format_args!("  {FAINT}follows{FAINT:#} {follows}"));
        session.screen.line(format_args!("  {FAINT}why{FAINT:#}     {why}"));
        session.screen.line(format_args!("  {FAINT}now{FAINT:#}     {now}"));
    }
}

async fn find(cluster: &Cluster, kind: Kind, name: &str) -> Result<Value, Problem> {
    let namespace = &cluster.namespace;
    for resource in versions(kind) {
        let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource);
        match api.get(name).await {
            Ok(object) => {
                return serde_json::to_value(&object).map_err(|error| Problem::Output(error.to_string()));
            }
            Err(kube::Error::Api(refused)) if refused.is_not_found() => {}
            Err(error) => {
                return Err(cluster.told(&format!("get {}", kind.names().2), Some(namespace), error));
            }
        }
    }
    let why = format!("there is no {} {name:?} in the namespace {namespace:?}", kind.names().1);
    Err(Problem::Invalid(
        why,
        Some(format!("kubectl get {} -n {namespace} shows those that are there", kind.names().2)),
    ))
}

//! The command line. Help, completions, manuals and reference pages are made from these definitions.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::*;

/// See and steer what Tagger knows of image tags
///
/// A Tag follows an image tag in a registry and records every digest that it pointed to as a numbered generation. Workloads that
/// are annotated image-tag: "true" and name the Tag in place of an image run its current generation.
#[derive(Debug, Parser)]
#[command(name = "kubectl-tag", bin_name = "kubectl tag", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 a check found something, 4 a wait took too long, 130 interrupted."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Which cluster, and how it is asked.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// What the plugin does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a Tag that follows an image
    New(new::New),
    /// Have a Tag's registry asked now, and what it has recorded as a new generation
    Import(import::Import),
    /// Go to the next generation, or import a new one when at the newest
    Upgrade(upgrade::Upgrade),
    /// Go back to the generation before
    Downgrade(downgrade::Downgrade),
    /// Hold a Tag at one generation
    Pin(pin::Pin),
    /// Have a Tag follow its newest generation again
    Unpin(unpin::Unpin),
    /// Leave a Tag as it is: no import, no roll-out
    Suspend(suspend::Suspend),
    /// Have a suspended Tag go on
    Resume(resume::Resume),
    /// Show where Tags are, and what is wrong in plain words
    Status(status::Status),
    /// Show the generations of a Tag and which workloads run each
    History(history::History),
    /// Show what changed between two generations
    Diff(diff::Diff),
    /// Say which container of a workload follows which Tag, and why
    Explain(explain::Explain),
    /// Show which Tags are behind their registry
    Outdated(outdated::Outdated),
    /// Make Tags for the images of any manifests, and the manifests that use them
    Generate(generate::Generate),
    /// Give a generation another tag in its registry or in the cache
    Retag(retag::Retag),
    /// List the tags that a Tag's repository has
    ListTags(list_tags::ListTags),
    /// Save the image of a Tag, or any image, to disk
    Pull(pull::Pull),
    /// Make an image from disk a generation in the cache
    Push(push::Push),
    /// Copy an image from one registry to another
    Copy(copy::Copy),
    /// Print what a shell, or kubectl, needs to complete this command
    Completion(completion::Completion),
}

/// Which cluster, and how it is asked: the flags of kubectl.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterFlags {
    /// The kubeconfig file to use in place of KUBECONFIG and ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", add = clap_complete::ArgValueCompleter::new(crate::commands::completion::contexts))]
    pub context: Option<String>,

    /// The cluster of the kubeconfig, in place of the context's
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,

    /// The user of the kubeconfig, in place of the context's
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,

    /// The namespace, in place of the context's
    #[arg(long, short, global = true, value_name = "NAME", add = clap_complete::ArgValueCompleter::new(crate::commands::completion::namespaces))]
    pub namespace: Option<String>,

    /// Whom to act as
    #[arg(long = "as", global = true, value_name = "USER")]
    pub impersonate: Option<String>,

    /// A group to act as a member of; may be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP", requires = "impersonate")]
    pub impersonate_groups: Vec<String>,

    /// How long one request to the cluster may take: 10s, 2m; 0 for as long as it takes
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,

    /// How much is told of what goes on, from 0 to 9
    #[arg(long = "v", short = 'v', global = true, value_name = "LEVEL", default_value_t = 0)]
    pub verbosity: u8,
}

/// Which Tags a command is about.
#[derive(Clone, Debug, Default, Args)]
pub struct Selection {
    /// The Tags; without a name, all of the namespace
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(crate::commands::completion::tag_names))]
    pub names: Vec<String>,

    /// The Tags of all namespaces
    #[arg(long, short = 'A', conflicts_with = "names")]
    pub all_namespaces: bool,

    /// Only Tags with these labels, such as app=web
    #[arg(long, short = 'l', value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
}

/// In which form a command tells.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct OutputFlag {
    /// The form of the output; a table or sentences for people where it is not given
    #[arg(long = "output", short = 'o', value_name = "FORM")]
    pub form: Option<Form>,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// The names of the objects, as kubectl takes them.
    Name,
    /// A table with more columns.
    Wide,
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct DryRunFlag {
    /// Change nothing: client prints what would be sent, server has the cluster judge it
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: Option<DryRun>,
}

/// Where a change is only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Here; the cluster is not told.
    Client,
    /// In the cluster, which stores nothing.
    Server,
}

/// Whether a command waits until what it asked for has come.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct WaitFlags {
    /// Wait until the generation is there and the workloads run it, and show how it goes
    #[arg(long)]
    pub wait: bool,

    /// How long to wait: 30s, 5m
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub timeout: Duration,
}

/// Which registries may be asked, and how. Credentials are those of your own docker config, with its helpers.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Registries")]
pub struct RegistryFlags {
    /// A registry that speaks plain HTTP, such as registry.internal:5000; may be repeated. Of localhost it is found out
    #[arg(long = "insecure-registry", value_name = "HOST")]
    pub insecure: Vec<tagger_core::reference::Registry>,

    /// A file of certificate authorities in PEM
    #[arg(long = "registry-ca", value_name = "FILE")]
    pub authorities: Vec<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    tagger_core::tracking::duration(text).ok_or_else(|| format!("{text:?} is no duration; write 30s, 5m, 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }
}

//! `tagger copy`: the copy engine, for people and for measurements.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tagger_core::reference::Reference;
use tagger_registry::{Amount, Client, Copied, CopyOptions, Destination, Progress};

use crate::arguments::{Copy, Hosts, LogFormat, Registries};
use crate::{logging, registries};

/// One image to copy.
struct Job {
    source: Reference,
    destination: Destination,
}

/// Makes the copies. All of them are tried; one that fails makes the whole fail in the end.
pub(crate) fn run(flags: Copy) -> Result<()> {
    logging::start(LogFormat::Text, &flags.log_level, None)?;
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        bail!("TLS was set up twice");
    }
    let jobs = jobs(&flags)?;
    let own = || docker_config(|name| std::env::var_os(name));
    let docker_config = flags.registries.docker_config.clone().or_else(own);
    // Who types the names may reach those hosts anyhow; a Tag's author may not.
    let private = vec![Hosts::All];
    let client = registries::client(&Registries { docker_config, private, ..flags.registries.clone() })?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime can't be started")?
        .block_on(copy(&flags, &client, jobs))
}

/// The docker config of whoever runs this, where there is one.
fn docker_config(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = match variable("DOCKER_CONFIG") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(&variable("HOME")?).join(".docker"),
    };
    Some(folder.join("config.json")).filter(|file| file.is_file())
}

async fn copy(flags: &Copy, client: &Client, jobs: Vec<Job>) -> Result<()> {
    // Drawn on a terminal only.
    let bar = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("{bytes}/{total_bytes} {bytes_per_sec} {wide_bar}")?);
    let options = CopyOptions { referrers: flags.referrers, progress: Some(Arc::new(drawing(bar.clone()))) };
    let all = jobs.len();
    let copies = stream::iter(jobs).map(|job| {
        let options = &options;
        async move { (client.copy(&job.source, client, &job.destination, options).await, job) }
    });
    let mut copies = copies.buffer_unordered(flags.at_once.into());
    let mut failed = 0;
    while let Some((outcome, job)) = copies.next().await {
        bar.suspend(|| match &outcome {
            Ok(copied) if flags.json => print(&machine_readable(&job, copied).to_string()),
            Ok(copied) => print(&readable(&job, copied)),
            Err(error) => eprintln!("tagger: {} was not copied: {error}", job.source),
        });
        failed += usize::from(outcome.is_err());
    }
    bar.finish_and_clear();
    anyhow::ensure!(
        failed == 0,
        "{failed} of {all} not copied; run it again, what is there is not sent again"
    );
    Ok(())
}

fn drawing(bar: ProgressBar) -> impl Fn(Progress) {
    move |progress| match progress {
        Progress::Found(bytes) => bar.inc_length(bytes),
        Progress::Passed(bytes) | Progress::Spared(bytes) => bar.inc(bytes),
    }
}

/// Prints a line. Whoever does not read it has the copies all the same.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn readable(job: &Job, copied: &Copied) -> String {
    let amount =
        |amount: Amount| format!("{} blobs of {}", amount.blobs, indicatif::HumanBytes(amount.bytes));
    let referrers = match copied.referrers {
        0 => String::new(),
        some => format!(", {some} signatures and the like"),
    };
    format!(
        "{} is {}: {} sent, {} mounted, {} there{referrers}",
        job.source,
        job.destination.by_digest(&copied.digest),
        amount(copied.sent),
        amount(copied.mounted),
        amount(copied.present),
    )
}

fn machine_readable(job: &Job, copied: &Copied) -> serde_json::Value {
    let amount = |amount: Amount| json!({ "blobs": amount.blobs, "bytes": amount.bytes });
    json!({
        "source": job.source.to_string(),
        "destination": job.destination.by_digest(&copied.digest).to_string(),
        "digest": copied.digest,
        "mediaType": copied.media_type,
        "size": copied.size,
        "sent": amount(copied.sent),
        "mounted": amount(copied.mounted),
        "present": amount(copied.present),
        "referrers": copied.referrers,
    })
}

fn jobs(flags: &Copy) -> Result<Vec<Job>> {
    let mut jobs = match (&flags.batch, &flags.source, &flags.destination) {
        (Some(file), _, _) => batch(&read(file)?)?,
        (None, Some(source), Some(destination)) => vec![job(source.clone(), destination)?],
        // The definition of the flags asks for both.
        _ => Vec::new(),
    };
    for job in &mut jobs {
        job.destination.tags.extend(flags.tags.iter().cloned());
    }
    Ok(jobs)
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text).map(drop),
        false => std::fs::read_to_string(file).map(|read| text = read),
    };
    read.with_context(|| format!("--batch {} can't be read", file.display()))?;
    Ok(text)
}

fn batch(text: &str) -> Result<Vec<Job>> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let meant = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    meant
        .map(|(number, line)| {
            let wrong = || format!("--batch: line {number} is no SOURCE=DESTINATION");
            let (source, destination) = line.split_once('=').with_context(wrong)?;
            job(source.trim().parse().with_context(wrong)?, &destination.trim().parse().with_context(wrong)?)
                .with_context(wrong)
        })
        .collect()
}

fn job(source: Reference, destination: &Reference) -> Result<Job> {
    let Some(registry) = destination.registry().cloned() else {
        bail!("{destination} names no registry to copy to; write host/path:tag");
    };
    if let Some(digest) = destination.digest() {
        bail!("the destination bears {digest}, but a copy has the digest of its source; leave it out");
    }
    let (repository, tags) =
        (destination.repository().clone(), destination.tag().cloned().into_iter().collect());
    Ok(Job { source, destination: Destination { registry, repository, tags } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_docker_config_is_that_of_the_user_where_there_is_one() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".docker");
        let at = |name: &str| (name == "HOME").then(|| home.path().into());
        assert_eq!(docker_config(at), None);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.json"), "{}").unwrap();
        assert_eq!(docker_config(at), Some(folder.join("config.json")));
        let told = |name: &str| (name == "DOCKER_CONFIG").then(|| folder.clone().into());
        assert_eq!(docker_config(told), Some(folder.join("config.json")));
    }

    #[test]
    fn a_batch_is_a_copy_a_line() {
        let jobs = batch("# two\n\nquay.io/a/b:1 = r.io/x\nquay.io/a/c=r.io/y:2\n").unwrap();
        let shown: Vec<String> =
            jobs.iter().map(|job| format!("{} {:?}", job.source, job.destination.tags)).collect();
        assert_eq!(shown.len(), 2);
        assert!(shown[0].starts_with("quay.io/a/b:1 ") && shown[0].contains("latest"), "{shown:?}");
    }

    #[rstest]
    #[case("quay.io/a/b", "line 1 is no SOURCE=DESTINATION")]
    #[case("\nquay.io/a/b=r.io/X", "line 2")]
    #[case("quay.io/a/b=x", "names no registry")]
    #[case(
        "quay.io/a/b=r.io/x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "bears sha256"
    )]
    fn a_line_that_is_wrong_is_told_by_its_number(#[case] text: &str, #[case] told: &str) {
        let error = format!("{:#}", batch(text).err().unwrap());
        assert!(error.contains(told), "{error}");
    }
}

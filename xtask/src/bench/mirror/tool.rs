//! The programs that copy.

use std::fmt;
use std::process::Command;

use anyhow::Result;
use serde::Serialize;

use super::cost::Call;
use super::stage::{Pair, Stage};

/// Who copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tool {
    /// `tagger copy`
    Tagger,
    /// `skopeo copy --all`
    Skopeo,
}

impl Tool {
    /// The calls that make these copies: one for all of them, or one for each where the program knows no better.
    pub(super) fn commands(self, stage: &Stage, pairs: &[Pair]) -> Result<Vec<Call>> {
        Ok(match (self, pairs) {
            (Self::Tagger, [pair]) => {
                let mut command = tagger(stage, pairs);
                command.args([&pair.source, &pair.destination]);
                vec![Call { command, input: String::new() }]
            }
            (Self::Tagger, pairs) => {
                let mut command = tagger(stage, pairs);
                command.args(["--batch", "-"]);
                let lines = pairs.iter().map(|pair| format!("{}={}\n", pair.source, pair.destination));
                vec![Call { command, input: lines.collect() }]
            }
            (Self::Skopeo, pairs) => {
                let copying = |pair: &Pair| stage.skopeo.copying(&pair.source, &pair.destination);
                pairs.iter().map(|pair| Call { command: copying(pair), input: String::new() }).collect()
            }
        })
    }
}

fn tagger(stage: &Stage, pairs: &[Pair]) -> Command {
    let mut command = Command::new(&stage.binary);
    command.arg("copy");
    if let Some(pair) = pairs.first() {
        for reference in [&pair.source, &pair.destination] {
            let host = reference.split('/').next().unwrap_or_default();
            command.args(["--insecure-registry", host, "--private-registry", host]);
        }
    }
    command
}

impl fmt::Display for Tool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Tagger => "tagger",
            Self::Skopeo => "skopeo",
        })
    }
}

//! What each metric is, read from what `/metrics` says of a specimen.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_client::encoding::text::encode;

use super::specimen;

/// One family of metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// Its name, without what its type adds: `_total`, `_bucket` and the like.
    pub name: String,
    /// Its type: counter, gauge, histogram or info.
    pub kind: String,
    /// The unit that the name ends with.
    pub unit: Option<String>,
    /// What it means, in a sentence.
    pub help: String,
    /// Its labels, each with the values that the specimen has.
    pub labels: BTreeMap<String, BTreeSet<String>>,
    /// How many samples the specimen has.
    pub samples: usize,
}

impl Described {
    /// The names under which Prometheus has it.
    pub fn series(&self) -> Vec<String> {
        let endings: &[&str] = match self.kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        endings.iter().map(|ending| format!("{}{ending}", self.name)).collect()
    }
}

/// Every metric of `tagger run`, in the order in which `/metrics` tells them.
pub fn described() -> Vec<Described> {
    let mut text = String::new();
    // Writing to a text can't fail; if it did, the page would be empty and its check say so.
    let _ = encode(&mut text, &specimen());
    let mut all: Vec<Described> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match (words.as_slice(), all.last_mut()) {
            (["#", "HELP", name, help], _) => {
                let (name, help) = ((*name).to_owned(), (*help).to_owned());
                all.push(Described { name, help, ..Described::default() });
            }
            (["#", "TYPE", _, kind], Some(last)) => last.kind = (*kind).to_owned(),
            (["#", "UNIT", _, unit], Some(last)) => last.unit = Some((*unit).to_owned()),
            (["#", ..], _) | (_, None) => {}
            (_, Some(last)) => {
                last.samples += 1;
                let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
                for label in labels.map(|(labels, _)| labels).unwrap_or_default().split(',') {
                    let Some((name, value)) = label.split_once('=') else { continue };
                    last.labels
                        .entry(name.to_owned())
                        .or_default()
                        .insert(value.trim_matches('"').to_owned());
                }
            }
        }
    }
    for family in all.iter_mut().filter(|family| family.kind == "histogram") {
        family.labels.remove("le");
    }
    all
}

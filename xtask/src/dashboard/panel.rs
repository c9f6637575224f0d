//! The panels of the dashboard, as far as they are drawn.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::unit::Unit;

/// One panel, or the title of a row of them.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) kind: Kind,
    /// Its place on a grid of 24 columns.
    pub(super) place: Place,
    pub(super) unit: Unit,
    pub(super) targets: Vec<Target>,
}

/// How a panel shows what it has.
pub(super) enum Kind {
    Row,
    Lines { stacked: bool },
    Number { steps: Vec<(f64, String)> },
    Table { columns: Vec<(String, String)> },
}

pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) w: u32,
    pub(super) h: u32,
}

pub(super) struct Target {
    pub(super) query: String,
    pub(super) legend: String,
}

/// One series that was found.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    /// Moments in seconds since 1970, and values.
    pub(super) points: Vec<(f64, f64)>,
}

/// Reads the panels of a dashboard.
pub(super) fn read(file: &Path) -> Result<Vec<Panel>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let panels = dashboard["panels"].as_array().context("the dashboard has no panels")?;
    panels.iter().map(Panel::read).collect()
}

impl Panel {
    fn read(told: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let title = text(&told["title"]);
        let side = |name: &str| -> Result<u32> {
            let side = told["gridPos"][name].as_u64().with_context(|| format!("{title} has no {name}"))?;
            Ok(u32::try_from(side)?)
        };
        let place = Place { x: side("x")?, y: side("y")?, w: side("w")?, h: side("h")? };
        let defaults = &told["fieldConfig"]["defaults"];
        let kind = match told["type"].as_str() {
            Some("row") => Kind::Row,
            Some("stat") => Kind::Number {
                steps: defaults["thresholds"]["steps"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|step| (step["value"].as_f64().unwrap_or(f64::MIN), text(&step["color"])))
                    .collect(),
            },
            Some("table") => {
                let options = &told["transformations"][0]["options"];
                let order = |name: &str| options["indexByName"][name].as_u64().unwrap_or(u64::MAX);
                let names = options["renameByName"].as_object();
                let mut columns: Vec<(String, String)> =
                    names.into_iter().flatten().map(|(name, title)| (name.clone(), text(title))).collect();
                columns.sort_by_key(|(name, _)| order(name));
                Kind::Table { columns }
            }
            _ => Kind::Lines { stacked: defaults["custom"]["stacking"]["mode"] == "normal" },
        };
        let targets = told["targets"].as_array().into_iter().flatten();
        let targets = targets
            .map(|target| Target { query: text(&target["expr"]), legend: text(&target["legendFormat"]) })
            .collect();
        Ok(Self { title, kind, place, unit: Unit::named(&text(&defaults["unit"])), targets })
    }

    /// Whether it shows what was, and not only what is.
    pub(super) fn is_over_time(&self) -> bool {
        matches!(self.kind, Kind::Lines { .. })
    }
}

impl Series {
    /// Reads a series as Prometheus tells it.
    pub(super) fn read(told: &Value, legend: &str) -> Result<Self> {
        let labels: BTreeMap<String, String> = serde_json::from_value(told["metric"].clone())?;
        let name = labels
            .iter()
            .fold(legend.to_owned(), |name, (label, value)| name.replace(&format!("{{{{{label}}}}}"), value));
        let many = told["values"].as_array().cloned();
        let points = many.unwrap_or_else(|| vec![told["value"].clone()]);
        let points =
            points.iter().filter_map(|point| Some((point[0].as_f64()?, point[1].as_str()?.parse().ok()?)));
        // What was divided by nothing is no number.
        let points = points.filter(|(_, value): &(f64, f64)| value.is_finite()).collect();
        Ok(Self { name, labels, points })
    }
}

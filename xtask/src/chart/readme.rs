//! The chart's README: words of people, and between two marks a table of the values.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::values::told;

const BEGIN: &str = "<!-- Values: made by `cargo xtask generate` from values.yaml; edit that. -->\n";
const END: &str = "<!-- End of values. -->\n";

/// The text that the README should have.
pub(super) fn text(chart: &Path) -> Result<String> {
    let read = |name: &str| {
        let path = chart.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    with_table(&read("README.md")?, &table(&read("values.yaml")?)?)
}

fn with_table(readme: &str, table: &str) -> Result<String> {
    let parts = readme.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.context("the chart's README has no marks around the values")?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

fn table(values: &str) -> Result<String> {
    let mut table = "| value | default | what it is |\n| --- | --- | --- |\n".to_owned();
    for told in told(values)? {
        let default = told.default.as_ref().map(shown).unwrap_or_default();
        writeln!(table, "| `{}` | {default} | {} |", told.path, told.about.replace('|', "\\|"))?;
    }
    Ok(table)
}

/// A default in a cell.
fn shown(default: &Value) -> String {
    match default {
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`").replace('|', "\\|"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_takes_the_place_of_the_one_before() {
        let readme = format!("# Chart\n{BEGIN}old\n{END}more\n");
        let table = table("# How many, or | which.\nreplicas: 2\n# A name.\nname: \"\"\n").unwrap();
        let text = with_table(&readme, &table).unwrap();
        assert!(
            text.contains("| `replicas` | `2` | How many, or \\| which. |\n| `name` |  | A name. |\n"),
            "{text}"
        );
        assert!(text.starts_with("# Chart\n") && text.ends_with("more\n") && !text.contains("old"));
        assert!(with_table("# Chart\n", &table).is_err());
    }
}

//! What people and programs are shown.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::arguments::Form;
use crate::problem::Problem;

/// What a good state looks like on a terminal.
pub(crate) const GOOD: anstyle::Style = anstyle::AnsiColor::Green.on_default();
/// What is under way looks like this.
pub(crate) const BUSY: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();
/// What is wrong looks like this.
pub(crate) const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
/// What is less important looks like this.
pub(crate) const FAINT: anstyle::Style = anstyle::Style::new().dimmed();

/// Text from elsewhere as one line that does nothing to a terminal.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => String::from(c),
    };
    text.chars().map(shown).collect()
}

/// A digest as far as people compare it: the algorithm and twelve characters.
pub(crate) fn short(digest: &str) -> &str {
    let length = digest.find(':').map_or(12, |colon| colon + 13);
    digest.get(..length).unwrap_or(digest)
}

/// Where output goes: results to standard output, all else to standard error. Colours are for terminals only, and not where NO_COLOR
/// is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Screen;

impl Screen {
    /// Prints a line of a result. Whoever reads only the beginning has what they wanted.
    pub(crate) fn line(self, text: impl std::fmt::Display) {
        let _ = writeln!(anstream::stdout(), "{text}");
    }

    /// Prints a result as it is, such as a document that ends its own last line.
    pub(crate) fn text(self, text: &str) {
        let _ = write!(anstream::stdout(), "{text}");
    }

    /// Tells something that is no result.
    pub(crate) fn note(self, text: impl std::fmt::Display) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Tells why the command failed, and what to do next.
    pub(crate) fn problem(self, problem: &Problem) {
        self.note(format_args!("{BAD}error:{BAD:#} {problem}"));
        if let Some(next) = problem.next() {
            self.note(format_args!("{FAINT}next:{FAINT:#} {next}"));
        }
    }

    /// Prints columns under their titles, as kubectl does.
    pub(crate) fn table(self, titles: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(titles.iter().copied()).add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
        }
        for line in table.lines() {
            self.line(line.trim_end());
        }
    }

    /// Prints a value as a document.
    pub(crate) fn document(self, form: Form, value: &impl Serialize) -> Result<(), Problem> {
        match form {
            Form::Yaml => self
                .text(&serde_yaml_ng::to_string(value).map_err(|error| Problem::Output(error.to_string()))?),
            _ => self.line(
                serde_json::to_string_pretty(value).map_err(|error| Problem::Output(error.to_string()))?,
            ),
        }
        Ok(())
    }
}

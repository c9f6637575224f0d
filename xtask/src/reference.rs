//! The pages of `docs/reference/` that are made from the code: the fields of a Tag, and the command line.

use std::fmt::{Display, Write};

use anyhow::{Context, Result};
use clap::{Arg, Command, CommandFactory};
use serde_json::Value;
use tagger::arguments::Arguments;

/// What stands at the top of each page, for whoever is about to edit it.
pub(crate) const MADE: &str = "<!-- Made by `cargo xtask generate`; edit the code, not this file. -->\n";

/// Patterns that are longer than this tell a person nothing in a table.
const LONGEST_PATTERN: usize = 48;

/// The pages: the path of each in the checkout, and its text.
pub(crate) fn pages() -> Result<Vec<(String, String)>> {
    let definition = serde_json::to_value(tagger_api::crd::definition())?;
    Ok(vec![
        ("docs/reference/tag.md".to_owned(), tag(&definition)?),
        ("docs/reference/metrics.md".to_owned(), crate::metrics::page()?),
        ("docs/reference/tagger.md".to_owned(), command_line(&Arguments::command(), "tagger")?),
        ("docs/reference/kubectl-tag.md".to_owned(), command_line(&plugin(), "kubectl tag")?),
    ])
}

/// The page of the Tag resource, from its CustomResourceDefinition.
fn tag(definition: &Value) -> Result<String> {
    let version = definition.pointer("/spec/versions/0").context("the definition has no version")?;
    let schema = version.pointer("/schema/openAPIV3Schema").context("the definition has no schema")?;
    let (group, name) = (text(definition, "/spec/group"), text(version, "/name"));
    let mut page = format!("{MADE}\n# Tag, `{group}/{name}`\n\n{}\n", described(schema));
    for part in ["spec", "status"] {
        let part_schema =
            schema.pointer(&format!("/properties/{part}")).context("the schema lacks a part")?;
        write!(page, "\n## {part}\n\n{}\n\n", described(part_schema))?;
        page.push_str("| field | type | allowed | meaning |\n| --- | --- | --- | --- |\n");
        fields(&mut page, "", part_schema)?;
    }
    page.push_str("\n## Rules between fields\n\nServers from Kubernetes 1.25 on enforce them by themselves; the webhook does so on all.\n\n");
    rules(&mut page, "spec", schema.pointer("/properties/spec").unwrap_or(schema))?;
    page.push_str("\n## Columns of `kubectl get tags`\n\n| column | meaning |\n| --- | --- |\n");
    for column in version["additionalPrinterColumns"].as_array().into_iter().flatten() {
        let wide = if column["priority"].as_i64().unwrap_or_default() > 0 { " (with `-o wide`)" } else { "" };
        let meaning = match described(column) {
            none if none.is_empty() => format!("`{}`", text(column, "/jsonPath")),
            meaning => meaning,
        };
        writeln!(page, "| {}{wide} | {meaning} |", text(column, "/name"))?;
    }
    Ok(page)
}

/// A row for each field of an object, those of nested objects after the object itself.
fn fields(page: &mut String, path: &str, schema: &Value) -> Result<()> {
    let required = schema["required"].as_array();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = required.is_some_and(|names| names.iter().any(|known| known == name.as_str()));
        let is_list = field["type"] == "array";
        let inner = if is_list { &field["items"] } else { field };
        let of = if is_list { "list of " } else { "" };
        let kind = format!("{of}{}{}", text(inner, "/type"), if is_required { ", required" } else { "" });
        let here = format!("{path}{name}{}", if is_list { "[]" } else { "" });
        writeln!(page, "| `{here}` | {kind} | {} | {} |", allowed(inner).join("; "), described(field))?;
        fields(page, &format!("{here}."), inner)?;
    }
    Ok(())
}

/// What the values of a field are held to.
fn allowed(schema: &Value) -> Vec<String> {
    let number = |key: &str| schema[key].as_f64();
    let between = |least: Option<f64>, most: Option<f64>, what: &str| match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{what}")),
        (Some(least), None) => Some(format!("{least} or more{what}")),
        (None, Some(most)) => Some(format!("at most {most}{what}")),
        (None, None) => None,
    };
    let one_of = schema["enum"].as_array().map(|values| code(values.iter().filter_map(Value::as_str)));
    let pattern = schema["pattern"].as_str().map(|pattern| match pattern.len() <= LONGEST_PATTERN {
        true => code([cell(pattern)]),
        false => "a pattern".to_owned(),
    });
    let format = schema["format"].as_str().filter(|format| *format == "date-time");
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let scalar = schema["type"] != "object";
    let messages = rules.filter(|_| scalar).filter_map(|rule| rule["message"].as_str()).map(cell);
    [
        between(number("minimum"), number("maximum"), ""),
        between(number("minLength"), number("maxLength"), " characters"),
        one_of,
        pattern,
        format.map(str::to_owned),
    ]
    .into_iter()
    .flatten()
    .chain(messages)
    .collect()
}

/// The rules of an object and of those in it, by the field that a refusal names.
fn rules(page: &mut String, path: &str, schema: &Value) -> Result<()> {
    if schema["type"] == "object" {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            writeln!(page, "* `{path}{}`: {}", text(rule, "/fieldPath"), described_by(rule, "/message"))?;
        }
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        rules(page, &format!("{path}.{name}"), field)?;
    }
    Ok(())
}

/// The definitions of the plugin's command line.
fn plugin() -> Command {
    kubectl_tag::arguments::Arguments::command()
}

/// The manuals of the plugin, one a command.
pub(crate) fn manuals() -> Result<Vec<(String, String)>> {
    let plugin = plugin();
    let mut manuals = Vec::new();
    for command in
        std::iter::once(&plugin).chain(plugin.get_subcommands().filter(|command| !command.is_hide_set()))
    {
        let is_whole = command.get_name() == plugin.get_name();
        let name =
            if is_whole { "kubectl-tag".to_owned() } else { format!("kubectl-tag-{}", command.get_name()) };
        let called = name.replacen("kubectl-", "kubectl ", 1).replacen("tag-", "tag ", 1);
        let command = command.clone().name(name.clone()).bin_name(called).version(env!("CARGO_PKG_VERSION"));
        let mut page = Vec::new();
        clap_mangen::Man::new(command).source("Tagger").manual("kubectl tag").render(&mut page)?;
        manuals.push((format!("docs/man/{name}.1"), String::from_utf8(page)?));
    }
    Ok(manuals)
}

/// The page of a program, from the definitions of its command line; `called` is how people call it.
fn command_line(program: &Command, called: &str) -> Result<String> {
    let mut page = format!("{MADE}\n# The program `{}`\n\n{}\n", program.get_name(), about(program));
    let everywhere: Vec<&Arg> = program.get_arguments().filter(|argument| argument.is_global_set()).collect();
    if !everywhere.is_empty() {
        page.push_str("\n## Every command\n");
        flags(&mut page, &everywhere)?;
    }
    for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
        write!(page, "\n## `{called} {}`\n\n{}\n", command.get_name(), about(command))?;
        let (own, values): (Vec<&Arg>, Vec<&Arg>) =
            command.get_arguments().partition(|argument| argument.get_long().is_some());
        for value in values {
            write!(page, "\n`<{}>`: {}{}.\n", names(value), help(value), choices(value))?;
        }
        flags(&mut page, &own)?;
    }
    Ok(page)
}

/// A table of flags, with the variables where any has one.
fn flags(page: &mut String, flags: &[&Arg]) -> Result<()> {
    let with_variables = flags.iter().any(|flag| flag.get_env().is_some());
    if with_variables {
        page.push_str("\nA flag counts before its variable. Where one may be repeated, its variable has several values with commas between them.\n");
    }
    if !flags.is_empty() {
        let (title, rule) = if with_variables { ("variable | ", "--- | ") } else { ("", "") };
        write!(page, "\n| flag | {title}default | meaning |\n| --- | {rule}--- | --- |\n")?;
    }
    for flag in flags {
        let short = flag.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
        let long = format!("{short}--{} {}", flag.get_long().unwrap_or_default(), names(flag));
        let variable = match with_variables {
            true => format!("{} | ", code(flag.get_env().map(|name| name.to_string_lossy()))),
            false => String::new(),
        };
        let default = code(flag.get_default_values().iter().map(|value| value.to_string_lossy()));
        let (flag, meaning) = (code([long.trim_end()]), help(flag) + &choices(flag));
        writeln!(page, "| {flag} | {variable}{default} | {meaning} |")?;
    }
    Ok(())
}

/// What a command is for: its paragraphs, each with the full stop that a terminal does without.
fn about(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let paragraphs =
        about.split("\n\n").map(|paragraph| format!("{}.", cell(paragraph).trim_end_matches('.')));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn help(argument: &Arg) -> String {
    cell(&argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default())
}

/// What stands behind a flag; nothing, where it is a switch.
fn names(argument: &Arg) -> String {
    if !argument.is_positional() && !argument.get_action().takes_values() {
        return String::new();
    }
    argument.get_value_names().unwrap_or_default().join(" ")
}

fn choices(argument: &Arg) -> String {
    let values = match argument.get_action().takes_values() {
        true => argument.get_possible_values(),
        false => Vec::new(),
    };
    if values.is_empty() {
        String::new()
    } else {
        format!(": {}", code(values.iter().map(|value| value.get_name())))
    }
}

fn described(schema: &Value) -> String {
    described_by(schema, "/description")
}

fn described_by(schema: &Value, pointer: &str) -> String {
    cell(text(schema, pointer))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Texts as code, with commas between them.
pub(crate) fn code(texts: impl IntoIterator<Item = impl Display>) -> String {
    texts.into_iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

/// A text as a table of Markdown takes it: one line, and nothing that ends a cell or begins a tag.
pub(crate) fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> String {
        let pages = pages().unwrap();
        pages.into_iter().find(|(path, _)| path.ends_with(name)).unwrap().1
    }

    #[test]
    fn a_field_has_its_place_type_range_and_meaning() {
        let page = page("/tag.md");
        let row =
            |field: &str| page.lines().find(|line| line.starts_with(&format!("| `{field}` |"))).unwrap();
        assert!(
            row("from")
                .contains("| string, required | 1 to 1024 characters; a pattern | The image to follow")
        );
        assert!(row("history").contains("| integer | 1 to 50 |"));
        assert!(row("track.interval").contains("must be at least 30s"));
        assert!(row("policy.numerical.order").contains("`asc`, `desc`"));
        assert!(row("references[].generation").contains("| integer, required | 0 or more |"));
        assert!(page.contains("* `spec.track.timeZone`: timeZone needs a schedule"));
        assert!(page.contains("| Reference (with `-o wide`) |"));
    }

    #[test]
    fn a_flag_has_its_variable_default_and_choices() {
        let page = page("/tagger.md");
        let row = |flag: &str| page.lines().find(|line| line.starts_with(&format!("| `--{flag} "))).unwrap();
        assert!(row("imports").starts_with("| `--imports NUMBER` | `TAGGER_IMPORTS` | `32` |"));
        assert!(row("log-format").contains(": `text`, `json` |"));
        assert!(page.contains("## `tagger completions`"));
    }

    #[test]
    fn no_text_breaks_out_of_its_cell() {
        assert_eq!(cell("a |\n  b <c>"), "a \\| b &lt;c>");
    }
}

use regex::bytes::Regex;

/// What is put together from the groups of a match: `$1`, `$name`, `${name}`, `$$` for a dollar, and any text around.
/// A name without braces is as long as letters, digits and underscores go, so `$1x` is the group `1x` and not `$1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

/// Why a template can't be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is longer than is read.
    #[error("an extract of {0} characters is too long; at most {max} are allowed", max = Template::LONGEST)]
    TooLong(usize),
    /// It names a group that the pattern lacks.
    #[error("{extract:?} names the group {group:?}, and the pattern has {}", listed(.known))]
    NoGroup {
        /// The template.
        extract: String,
        /// The group that it names.
        group: String,
        /// The groups that there are.
        known: Vec<String>,
    },
    /// A dollar that begins no group.
    #[error("{0:?} has a $ that names no group; write $1, $name or ${{name}}, and $$ for a dollar")]
    Dollar(String),
}

fn listed(known: &[String]) -> String {
    match known {
        [] => "no groups; put what is to be compared in (…) or (?P<name>…)".to_owned(),
        _ => known.join(", "),
    }
}

impl Template {
    /// The most characters of a template.
    const LONGEST: usize = 128;

    pub(super) fn new(text: &str, pattern: &Regex) -> Result<Self, TemplateError> {
        let length = text.chars().count();
        if length > Self::LONGEST {
            return Err(TemplateError::TooLong(length));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            push_text(&mut parts, before);
            if let Some(after) = after.strip_prefix('$') {
                push_text(&mut parts, "$");
                rest = after;
                continue;
            }
            let (name, after) = name(after).ok_or_else(|| TemplateError::Dollar(text.to_owned()))?;
            let group = group(name, pattern).ok_or_else(|| TemplateError::NoGroup {
                extract: text.to_owned(),
                group: name.to_owned(),
                known: known(pattern),
            })?;
            parts.push(Part::Group(group));
            rest = after;
        }
        push_text(&mut parts, rest);
        Ok(Self(parts))
    }

    /// The text, with each group as this gives it. A group that took no part in the match is empty.
    pub(super) fn fill<'a>(&self, group: impl Fn(usize) -> Option<&'a str>) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            filled.push_str(match part {
                Part::Text(text) => text,
                Part::Group(number) => group(*number).unwrap_or_default(),
            });
        }
        filled
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// The name behind a dollar, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let (name, after) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => text.split_at(text.find(|c: char| !is_of_name(c)).unwrap_or(text.len())),
    };
    (!name.is_empty() && name.chars().all(is_of_name)).then_some((name, after))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn group(name: &str, pattern: &Regex) -> Option<usize> {
    match name.bytes().all(|b| b.is_ascii_digit()) {
        true => name.parse().ok().filter(|number| *number < pattern.captures_len()),
        false => pattern.capture_names().position(|known| known == Some(name)),
    }
}

fn known(pattern: &Regex) -> Vec<String> {
    let named = |(number, name): (usize, Option<&str>)| match name {
        Some(name) => format!("${name}"),
        None => format!("${number}"),
    };
    pattern.capture_names().enumerate().skip(1).map(named).collect()
}

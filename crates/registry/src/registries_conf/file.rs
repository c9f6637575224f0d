use std::cmp::Reverse;

use serde::Deserialize;
use tagger_core::reference::Registry;
use tagger_core::shown::on_one_line;
use toml::Spanned;
use toml::de::DeTable;

use super::error::{ConfProblem, NameProblem, RegistriesConfError};
use super::prefix::{Prefix, named};
use super::{Name, Namespace, RegistriesConf, Source};

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    unqualified_search_registries: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    registry: Vec<Spanned<RegistryTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryTable {
    prefix: Option<Spanned<String>>,
    location: Option<Spanned<String>>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror: Vec<Spanned<MirrorTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MirrorTable {
    location: Option<Spanned<String>>,
    #[serde(default)]
    insecure: bool,
}

/// A problem, and at which byte of the text it is.
type At = (usize, ConfProblem);

pub(super) fn read(text: &str) -> Result<RegistriesConf, RegistriesConfError> {
    let line = |byte: usize| 1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count();
    conf(text, &line).map_err(|(byte, problem)| RegistriesConfError { line: line(byte), problem })
}

fn conf(text: &str, line: &dyn Fn(usize) -> usize) -> Result<RegistriesConf, At> {
    let file = file(text)?;
    let mut namespaces: Vec<(usize, Namespace)> = Vec::new();
    for table in file.registry {
        let at = table.span().start;
        let namespace = namespace(table)?;
        if let Some((first, _)) = namespaces.iter().find(|(_, other)| other.prefix == namespace.prefix) {
            let prefix = namespace.prefix.to_string();
            return Err((at, ConfProblem::Repeated { prefix, first: line(*first) }));
        }
        namespaces.push((at, namespace));
    }
    let mut namespaces: Vec<_> = namespaces.into_iter().map(|(_, namespace)| namespace).collect();
    namespaces.sort_by_key(|namespace| {
        Reverse((matches!(namespace.prefix, Prefix::Name(_)), namespace.prefix.to_string().len()))
    });
    let unqualified = file.unqualified_search_registries.map(unqualified).transpose()?;
    Ok(RegistriesConf { unqualified, namespaces })
}

fn file(text: &str) -> Result<File, At> {
    let toml = |error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        // A key may have any character when it is quoted.
        let message: String = error.message().chars().take(300).collect();
        (at, ConfProblem::Toml(on_one_line(&message)))
    };
    let table = DeTable::parse(text).map_err(toml)?;
    if let Some((key, _)) = table.get_ref().get_key_value("registries") {
        return Err((key.span().start, ConfProblem::Version1));
    }
    File::deserialize(toml::Deserializer::from(table)).map_err(toml)
}

fn namespace(table: Spanned<RegistryTable>) -> Result<Namespace, At> {
    let at = table.span().start;
    let RegistryTable { prefix, location, insecure, blocked, mirror } = table.into_inner();
    let given = |text: &Spanned<String>| !text.get_ref().is_empty();
    let location = location.filter(given).map(|text| located(&text)).transpose()?;
    let prefix = prefix
        .filter(given)
        .map(|text| Prefix::parse(text.get_ref()).map_err(|problem| (text.span().start, problem)));
    let (prefix, location) = match (prefix.transpose()?, location) {
        (None, None) => return Err((at, ConfProblem::Nameless)),
        (None, Some(location)) => (Prefix::Name(location.clone()), Some(location)),
        (Some(Prefix::Name(prefix)), None) => (Prefix::Name(prefix.clone()), Some(prefix)),
        (Some(prefix), location) => (prefix, location),
    };
    let mirrors = mirror.into_iter().map(source).collect::<Result<_, _>>()?;
    Ok(Namespace { prefix, mirrors, location, insecure, blocked })
}

fn source(table: Spanned<MirrorTable>) -> Result<Source, At> {
    let at = table.span().start;
    let MirrorTable { location, insecure } = table.into_inner();
    let location = location.ok_or((at, ConfProblem::MirrorNowhere))?;
    Ok(Source { location: located(&location)?, insecure })
}

fn located(text: &Spanned<String>) -> Result<Name, At> {
    named("location", text.get_ref()).map_err(|problem| (text.span().start, problem))
}

fn unqualified(list: Spanned<Vec<Spanned<String>>>) -> Result<Vec<Registry>, At> {
    if list.get_ref().is_empty() {
        return Err((list.span().start, ConfProblem::NoUnqualified));
    }
    let host = |text: Spanned<String>| {
        let key = "host in unqualified-search-registries";
        let wrong = |problem| (text.span().start, problem);
        let name = named(key, text.get_ref()).map_err(wrong)?;
        match name.path {
            None => Ok(name.registry),
            Some(_) => {
                let text = text.get_ref().clone();
                Err(wrong(ConfProblem::Name { key, text, why: NameProblem::Path }))
            }
        }
    };
    list.into_inner().into_iter().map(host).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        "insecure = true",
        "line 1: unknown field `insecure`, expected `unqualified-search-registries` or `registry`"
    )]
    #[case("\nshort-name-mode = 'enforcing'", "line 2: unknown field `short-name-mode`")]
    #[case("[aliases]\nfedora = 'quay.io/fedora'", "line 1: unknown field `aliases`")]
    #[case(
        "[[registry]]\nlocation = 'a.io'\n\nmirror-by-digest-only = true",
        "line 4: unknown field `mirror-by-digest-only`, expected one of `prefix`, `location`, `insecure`, `blocked`, `mirror`"
    )]
    #[case(
        "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'b.io'\npull-from-mirror = 'all'",
        "line 5: unknown field `pull-from-mirror`, expected `location` or `insecure`"
    )]
    #[case("[[registry]]\nlocation = 'a.io'\nprefix.x = 1", "line 3: invalid type: map, expected a string")]
    #[case(
        "[[registry]]\nlocation = 'a.io'\ninsecure = 'yes'",
        "line 3: invalid type: string \"yes\", expected a boolean"
    )]
    #[case("[[registry]]\n\nlocation = 5", "line 3: invalid type: integer `5`, expected a string")]
    #[case(
        "unqualified-search-registries = 'a.io'",
        "line 1: invalid type: string \"a.io\", expected a sequence"
    )]
    #[case(
        "unqualified-search-registries = [\n'a.io',\n7]",
        "line 3: invalid type: integer `7`, expected a string"
    )]
    #[case(
        "# none\nunqualified-search-registries = []",
        "line 2: unqualified-search-registries names no registry"
    )]
    #[case(
        "unqualified-search-registries = [\n'a.io/b']",
        "line 2: \"a.io/b\" is no host in unqualified-search-registries: it must be a host alone"
    )]
    #[case(
        "unqualified-search-registries = ['fedora']",
        "line 1: \"fedora\" is no host in unqualified-search-registries: a registry's host has a dot"
    )]
    #[case("[registry]\nlocation = 'a.io'", "line 1: invalid type: map, expected a sequence")]
    #[case("[[registry]]\nlocation = 'a.io'\nlocation = 'b.io'", "line 3: duplicate key")]
    #[case("[[registry]]\nlocation = 'a.io", "line 2: invalid literal string")]
    #[case("\"a\\n\\u001b\" = 1", "line 1: unknown field `a\\n\\u{1b}`")]
    #[case("\n[[registry]]\ninsecure = true", "line 2: this [[registry]] has neither prefix nor location")]
    #[case("[[registry]]\nprefix = ''", "line 1: this [[registry]] has neither prefix nor location")]
    #[case(
        "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\ninsecure = true",
        "line 3: this [[registry.mirror]] has no location"
    )]
    #[case(
        "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = ''",
        "line 4: \"\" is no location"
    )]
    #[case("[[registry]]\nlocation = 'https://a.io'", "line 2: \"https://a.io\" is no location: ")]
    #[case("[[registry]]\nlocation = 'A b'", "line 2: \"A b\" is no location: ")]
    #[case("[[registry]]\nlocation = 'a.io/B'", "line 2: \"a.io/B\" is no location: ")]
    #[case(
        "[[registry]]\nlocation = 'company/b'",
        "line 2: \"company/b\" is no location: a registry's host has a dot or a port"
    )]
    #[case("[[registry]]\nlocation = '*.a.io'", "line 2: \"*.a.io\" is no location: ")]
    #[case(
        "[[registry]]\nprefix = 'a.io/b:v1'",
        "line 2: \"a.io/b:v1\" is no prefix: Tagger reads no tags and digests here"
    )]
    #[case(
        "[[registry]]\nprefix = 'a.io/b@sha256:0'",
        "line 2: \"a.io/b@sha256:0\" is no prefix: Tagger reads no tags"
    )]
    #[case("[[registry]]\nprefix = '*.a.io/b'", "line 2: \"*.a.io/b\" is no prefix: a star stands for")]
    #[case("[[registry]]\nprefix = '*.a.io:5000'", "line 2: \"*.a.io:5000\" is no prefix: a star stands for")]
    #[case("[[registry]]\nprefix = 'a.*.io'", "line 2: \"a.*.io\" is no prefix: a star stands for")]
    #[case("[[registry]]\nprefix = '*'", "line 2: \"*\" is no prefix: a star stands for")]
    #[case(
        "[[registry]]\nlocation = 'docker.io'\n\n[[registry]]\nprefix = 'index.docker.io'",
        "line 4: the prefix docker.io is that of line 1 already"
    )]
    #[case(
        "unqualified-search-registries = ['a.io']\n[registries.search]\nregistries = ['a.io']",
        "line 2: this is version 1 of the format"
    )]
    #[case("[registries.block]\nregistries = []", "line 1: this is version 1 of the format")]
    fn what_is_not_supported_is_refused_with_its_line(#[case] text: &str, #[case] error: &str) {
        let told = read(text).unwrap_err().to_string();
        assert!(told.starts_with(&format!("registries.conf, {error}")), "{told}");
        assert!(!told.contains(char::is_control), "{told:?}");
    }

    #[test]
    fn an_empty_file_says_nothing() {
        assert_eq!(read("# nothing\n").unwrap(), RegistriesConf::default());
        assert_eq!(RegistriesConf::default().unqualified(), None);
    }

    #[test]
    fn names_without_a_registry_are_looked_for_where_the_file_says_in_its_order() {
        let conf =
            read("unqualified-search-registries = ['b.io:5000', 'index.docker.io', 'localhost']").unwrap();
        let hosts: Vec<_> = conf.unqualified().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["b.io:5000", "docker.io", "localhost"]);
    }

    #[test]
    fn a_trailing_slash_and_the_line_ends_of_windows_do_no_harm() {
        let conf = read("[[registry]]\r\nlocation = 'a.io/b/'\r\n").unwrap();
        assert_eq!(conf, read("[[registry]]\nlocation = 'a.io/b'").unwrap());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}|([\\[\\]a-z'\"=.,:/*@ \n]|registry|mirror|prefix|location|true){0,60}") {
            if let Err(error) = read(&text) {
                let line = error.line;
                prop_assert!(line >= 1 && line <= 1 + text.matches('\n').count(), "{}", error);
            }
        }

        #[test]
        fn no_value_panics(key in "prefix|location", value in "[a-zA-Z0-9:/@.*\\[\\]_-]{0,40}") {
            let _ = read(&format!("[[registry]]\n{key} = '{value}'"));
        }
    }
}

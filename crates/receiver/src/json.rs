//! JSON from outside, read strictly, with problems that say where and repeat nothing.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::problem::{BODY, Problem};
use crate::providers::MOST;

/// Reads an object, and nothing behind it.
pub(crate) fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    read::<Object<T>>(bytes).map(|object| object.0)
}

/// The entries of a list, each to be read by itself, and where it is; or what is there alone.
pub(crate) fn entries(bytes: &[u8]) -> Result<Vec<(String, &[u8])>, Problem> {
    if !bytes.trim_ascii_start().starts_with(b"[") {
        return Ok(vec![(BODY.to_owned(), bytes)]);
    }
    let list = read::<List<&RawValue>>(bytes)?.whole()?;
    Ok(list
        .iter()
        .enumerate()
        .map(|(number, entry)| (format!("[{number}]"), entry.get().as_bytes()))
        .collect())
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| problem(&error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| problem(".", &error))?;
    Ok(value)
}

/// Of the error's text, only that part counts which is ours, as is what must be there; the rest is told from outside.
fn problem(path: &str, error: &serde_json::Error) -> Problem {
    if error.classify() != Category::Data {
        return Problem::Json { line: error.line(), column: error.column() };
    }
    let field = if path == "." { BODY } else { path }.to_owned();
    let text = error.to_string();
    if text.starts_with("duplicate field") {
        return Problem::Twice(field);
    }
    let expected = text.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let known = ["a string", "an object", "a list"].into_iter().find(|known| expected.starts_with(known));
    Problem::Wrong { field, expected: known.unwrap_or("of another kind") }
}

/// An object. What is derived alone would take a list for one as well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'a, T: Deserialize<'a>> Deserialize<'a> for Object<T> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'a, T: Deserialize<'a>> Visitor<'a> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// A list, of which no more is kept than may be used.
#[derive(Clone, Debug)]
pub(crate) struct List<T> {
    kept: Vec<T>,
    is_whole: bool,
}

impl<T> List<T> {
    /// The list, unless it was too long.
    pub(crate) fn whole(self) -> Result<Vec<T>, Problem> {
        if self.is_whole { Ok(self.kept) } else { Err(Problem::TooMany) }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), is_whole: true }
    }
}

impl<'a, T: Deserialize<'a>> Deserialize<'a> for List<T> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'a, T: Deserialize<'a>> Visitor<'a> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = List::default();
                while list.kept.len() < MOST {
                    match items.next_element()? {
                        Some(item) => list.kept.push(item),
                        None => return Ok(list),
                    }
                }
                while items.next_element::<IgnoredAny>()?.is_some() {
                    list.is_whole = false;
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[serde(default)]
        inner: Object<Inner>,
        #[serde(default)]
        list: List<String>,
    }

    #[derive(Debug, Default, Deserialize)]
    struct Inner {
        name: Option<String>,
    }

    #[test]
    fn what_is_right_is_read_and_what_is_unknown_passed_over() {
        let read: Outer = object(br#"{"inner":{"name":"x","more":[1]},"list":["a","b"],"more":{}}"#).unwrap();
        assert_eq!(read.inner.name.as_deref(), Some("x"));
        assert_eq!(read.list.whole().unwrap(), ["a", "b"]);
        assert!(object::<Outer>(b" {} ").is_ok());
    }

    #[rstest]
    #[case::nothing("", "the body is no JSON from line 1, column 0 on")]
    #[case::half("{\"inner\":", "the body is no JSON from line 1, column 9 on")]
    #[case::words("hunter2", "the body is no JSON from line 1, column 1 on")]
    #[case::more_behind_it("{} {}", "the body is no JSON from line 1, column 4 on")]
    #[case::a_list("[]", "`the body` must be an object")]
    #[case::a_text("\"hunter2\"", "`the body` must be an object")]
    #[case::a_list_within("{\"inner\":[\"hunter2\"]}", "`inner` must be an object")]
    #[case::a_number("{\"inner\":{\"name\":1}}", "`inner.name` must be a string")]
    #[case::a_hostile_text("{\"inner\":\"hunter2, expected a list\"}", "`inner` must be an object")]
    #[case::an_object("{\"list\":{}}", "`list` must be a list")]
    #[case::an_item("{\"list\":[\"a\",{}]}", "`list[1]` must be a string")]
    #[case::twice("{\"inner\":{\"name\":\"a\",\"name\":\"b\"}}", "a field of `inner` is there twice")]
    fn what_is_wrong_is_told_by_its_place(#[case] body: &str, #[case] told: &str) {
        assert_eq!(object::<Outer>(body.as_bytes()).unwrap_err().to_string(), told);
    }

    #[test]
    fn one_entry_that_is_wrong_spoils_no_other() {
        let read = |body: &'static str| {
            let entries = entries(body.as_bytes()).unwrap().into_iter();
            let read = entries
                .map(|(place, entry)| (place, object::<Inner>(entry).ok().and_then(|inner| inner.name)));
            read.collect::<Vec<_>>()
        };
        let read_list = read(" [1, {\"name\":\"a\"}, {\"name\":2}]");
        assert_eq!(read_list, [("[0]".into(), None), ("[1]".into(), Some("a".into())), ("[2]".into(), None)]);
        assert_eq!(read("{\"name\":\"a\"}"), [("the body".into(), Some("a".into()))]);
        assert_eq!(
            entries(b"[{},]").unwrap_err().to_string(),
            "the body is no JSON from line 1, column 5 on"
        );
    }

    #[test]
    fn a_list_is_kept_up_to_its_bound() {
        let list = |length: usize| serde_json::json!({"list": vec!["x"; length]}).to_string();
        let read =
            |text: String| object::<Outer>(text.as_bytes()).unwrap().list.whole().map(|list| list.len());
        assert_eq!(read(list(MOST)), Ok(MOST));
        assert_eq!(read(list(MOST + 1)), Err(Problem::TooMany));
    }
}

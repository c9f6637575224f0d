use crate::providers::MOST;

/// Why a notification can't be used, in words of our own: nothing of what was sent is repeated but the place of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The body is no JSON.
    #[error("the body is no JSON from line {line}, column {column} on")]
    Json {
        /// The line at which it breaks off.
        line: usize,
        /// The column in that line.
        column: usize,
    },
    /// A field is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A field is there twice.
    #[error("a field of `{0}` is there twice")]
    Twice(String),
    /// A field is something else than it must be.
    #[error("`{field}` must be {expected}")]
    Wrong {
        /// The field's path from the top.
        field: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A header is missing.
    #[error("the header {0} is missing")]
    Header(&'static str),
    /// The notification is about more tags than one may be about.
    #[error("the notification has more than {MOST} entries; send several")]
    TooMany,
    /// Nobody says in which registry the tag is.
    #[error("the notification names no registry; add ?registry=HOST to the URL that it is sent to")]
    NoRegistry,
}

impl Problem {
    /// The same about a part of something that is in this field.
    pub(crate) fn under(self, outer: &str) -> Self {
        let at = |field: String| match field.as_str() {
            BODY => outer.to_owned(),
            _ => format!("{outer}.{field}"),
        };
        match self {
            // Places are told from the top of the body on.
            problem if outer == BODY => problem,
            Self::Json { .. } => Self::Wrong { field: outer.to_owned(), expected: "JSON" },
            Self::Missing(field) => Self::Missing(at(field)),
            Self::Twice(field) => Self::Twice(at(field)),
            Self::Wrong { field, expected } => Self::Wrong { field: at(field), expected },
            other => other,
        }
    }
}

/// What the whole of a body is called.
pub(crate) const BODY: &str = "the body";

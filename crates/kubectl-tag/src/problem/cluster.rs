//! What an error of the API server means to whoever wanted to do something.

use kube::core::Status;

use super::Problem;

impl Problem {
    /// Says what an error of the API server means to whoever wanted to do this: `get tags`.
    pub(crate) fn of_cluster(doing: &str, namespace: Option<&str>, server: &str, error: kube::Error) -> Self {
        let server = server.to_owned();
        match error {
            kube::Error::Api(refused) => answered(doing, namespace, server, &refused),
            kube::Error::Auth(error) => Self::Credentials { server, why: root(&error) },
            kube::Error::SerdeError(error) => {
                Self::Unreadable { server, doing: doing.to_owned(), why: error.to_string() }
            }
            other => Self::Unreachable { server, why: root(&other) },
        }
    }
}

fn answered(doing: &str, namespace: Option<&str>, server: String, refused: &Status) -> Problem {
    let why = refused.message.clone();
    let (doing, namespace) = (doing.to_owned(), namespace.map(str::to_owned));
    let of = refused.details.as_ref();
    let is_namespace = of.is_some_and(|of| of.kind == "namespaces");
    match (refused.code, namespace) {
        (401, _) => Problem::Unauthenticated { server, why },
        (403, namespace) => Problem::NoRights { doing, namespace, why },
        (404, Some(namespace)) if is_namespace => Problem::NoNamespace { namespace },
        // A path that the server does not know is answered without the object that is missing.
        (404, _) if of.is_none_or(|of| of.name.is_empty()) => Problem::NoDefinition { server },
        (409, _) => Problem::Conflict { what: why },
        (_, namespace) => Problem::Refused { doing, namespace, why },
    }
}

/// The innermost cause, which is the one that says something.
fn root(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

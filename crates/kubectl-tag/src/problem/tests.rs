use std::time::Duration;

use super::Problem;
use rstest::rstest;
use serde_json::{Value, json};

/// A problem as it is shown, without colours.
fn shown(problem: &Problem) -> String {
    match problem.next() {
        Some(next) => format!("error: {problem}\nnext: {next}"),
        None => format!("error: {problem}"),
    }
}

/// What an answer of the API server to `patch tags` is told as.
fn of(status: Value) -> Problem {
    let refused = serde_json::from_value(status).unwrap();
    let server = "https://cluster.internal:6443";
    Problem::of_cluster("patch tags", Some("dev"), server, kube::Error::Api(Box::new(refused)))
}

#[rstest]
#[case::unauthenticated(json!({ "code": 401, "reason": "Unauthorized", "message": "Unauthorized" }))]
#[case::no_rights(json!({
    "code": 403, "reason": "Forbidden",
    "message": "tags.images.io \"myapp\" is forbidden: User \"jane\" cannot patch resource \"tags\" in API group \"images.io\" in the namespace \"dev\"",
    "details": { "name": "myapp", "group": "images.io", "kind": "tags" },
}))]
#[case::no_definition(json!({ "code": 404, "reason": "NotFound", "message": "the server could not find the requested resource", "details": {} }))]
#[case::no_namespace(json!({ "code": 404, "reason": "NotFound", "message": "namespaces \"dev\" not found", "details": { "name": "dev", "kind": "namespaces" } }))]
#[case::conflict(json!({ "code": 409, "reason": "Conflict", "message": "tags.images.io \"myapp\"", "details": { "name": "myapp" } }))]
#[case::refused(json!({
    "code": 422, "reason": "Invalid", "message": "admission webhook \"tags.images.io\" denied the request: spec.generation: generation must be one of: [2 1 0]",
}))]
fn what_the_cluster_answers(#[case] status: Value) {
    let name = format!("cluster_{}", status["code"]);
    let name = if status["details"]["kind"] == "namespaces" { format!("{name}_namespace") } else { name };
    insta::assert_snapshot!(name, shown(&of(status)));
}

#[test]
fn an_answer_that_can_not_be_read_is_no_silence() {
    let error = serde_json::from_str::<u8>("{}").unwrap_err();
    let problem = Problem::of_cluster("get tags", None, "https://a", kube::Error::SerdeError(error));
    assert!(matches!(problem, Problem::Unreadable { .. }), "{problem}");
}

#[test]
fn each_problem_says_what_failed_and_what_to_do() {
    let text = |text: &str| text.to_owned();
    let (server, why) = (text("https://cluster.internal:6443"), text("connection refused"));
    let (name, namespace) = (text("myap"), text("dev"));
    let no_tag = |near: &[&str], any| Problem::NoTag {
        name: name.clone(),
        namespace: namespace.clone(),
        near: near.iter().map(|near| text(near)).collect(),
        any,
    };
    let no_generation =
        |there: &[i64]| Problem::NoGeneration { tag: text("myapp"), generation: 7, there: there.to_vec() };
    let (wait, next) = (Duration::from_secs(330), text("kubectl tag status myapp shows how"));
    let problems = [
        Problem::Unreachable { server: server.clone(), why },
        Problem::Credentials { server: server.clone(), why: text("gke-auth: not found") },
        Problem::Unreadable { server, doing: text("get tags"), why: text("missing field `from`") },
        Problem::NoRights {
            doing: text("list tags"),
            namespace: None,
            why: text("User \"jane\" cannot list"),
        },
        no_tag(&["myapp", "myapp-devel"], true),
        no_tag(&[], true),
        no_tag(&[], false),
        no_generation(&[9, 8]),
        no_generation(&[]),
        Problem::TooLong { what: text("the registry is still asked"), limit: wait, next: next.clone() },
        Problem::Failed { what: text("the Tag \"myapp\" does not get there: it is suspended"), next },
        Problem::Interrupted,
    ];
    let shown: Vec<String> = problems.iter().map(shown).collect();
    insta::assert_snapshot!("problems", shown.join("\n\n"));
}

#[rstest]
#[case(Problem::TooLong { what: String::new(), limit: Duration::ZERO, next: String::new() }, 4)]
#[case(Problem::Interrupted, 130)]
#[case(Problem::File(String::new()), 1)]
fn the_exit_code_tells_them_apart(#[case] problem: Problem, #[case] code: u8) {
    assert_eq!(problem.exit_code(), code);
}

#[rstest]
#[case(0, "0s")]
#[case(30, "30s")]
#[case(300, "5m")]
#[case(5400, "1h30m")]
#[case(3661, "1h1m1s")]
fn a_duration_is_told_as_it_is_given(#[case] seconds: u64, #[case] told: &str) {
    assert_eq!(super::spoken(Duration::from_secs(seconds)), told);
}

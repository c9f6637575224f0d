//! The program as a person meets it on a command line.

use std::process::{Command, Output};

use rstest::rstest;

fn tagger(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagger"));
    command.args(arguments).env_remove("KUBERNETES_SERVICE_HOST").env_remove("KUBECONFIG").output().unwrap()
}

#[rstest]
#[case::outside_without_a_url(&["run"], 1, "--admission-url is needed outside of a cluster")]
#[case::an_unknown_flag(&["run", "--insecure"], 2, "--insecure-registry")]
#[case::a_file_that_is_not_there(&["run", "--admission-url", "https://127.0.0.1:9", "--registry-ca", "/nowhere"], 1, "--registry-ca /nowhere")]
#[case::a_file_that_is_no_text(&["run", "--admission-url", "https://127.0.0.1:9", "--registries-conf", env!("CARGO_BIN_EXE_tagger")], 1, "--registries-conf ")]
#[case::credentials_that_are_not_there(&["run", "--admission-url", "https://127.0.0.1:9", "--docker-config", "/nowhere"], 1, "--docker-config: /nowhere can't be read")]
#[case::half_a_credential(&["run", "--admission-url", "https://127.0.0.1:9", "--cache-username", "me"], 1, "needs CACHE_REGISTRY_PASSWORD")]
#[case::a_password_for_all_to_see(&["run", "--cache-password", "x"], 2, "unexpected argument")]
#[case::a_level_that_is_none(&["run", "--log-level", "a=b=c"], 1, "--log-level a=b=c")]
fn what_cannot_be_done_is_said_with_the_flag(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] said: &str,
) {
    let output = tagger(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(said), "{error}");
}

#[test]
fn help_names_every_flag_with_its_variable() {
    let help = String::from_utf8(tagger(&["run", "--help"]).stdout).unwrap();
    for flag in
        ["--admission-url", "--insecure-registry", "--registry-ca", "--unqualified-registry", "--log-format"]
    {
        assert!(help.contains(flag), "{help}");
    }
    assert!(help.contains("[env: TAGGER_INSECURE_REGISTRIES="), "{help}");
}

#[rstest]
fn completions_are_for_every_shell(#[values("bash", "zsh", "fish")] shell: &str) {
    let output = tagger(&["completions", shell]);
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("insecure-registry"));
}

//! Credentials from the config files of docker and podman, and from their helpers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rstest::rstest;
use tagger_registry::{Client, Keychain, Settings, UserConfig};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Proxy, TokenOptions};
use tagger_testkit::registry::{Registry, RegistryOptions};

/// A person with a home, and programs in PATH.
struct Person {
    home: tempfile::TempDir,
    told: Arc<Mutex<Vec<String>>>,
}

impl Person {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(".docker")).unwrap();
        fs::create_dir_all(home.path().join("bin")).unwrap();
        Self { home, told: Arc::default() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn config(&self, json: &str) {
        fs::write(self.at(".docker/config.json"), json).unwrap();
    }

    /// A helper that does this. Each call of it is counted.
    fn helper(&self, name: &str, script: &str) {
        let calls = self.at("calls").display().to_string();
        let file = self.at("bin").join(format!("docker-credential-{name}"));
        let text =
            format!("#!/bin/sh\nread -r server || true\necho \"{name} $1 $server\" >> {calls}\n{script}\n");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        let path =
            || std::env::join_paths([&self.at("bin"), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        match name {
            "HOME" => Some(self.home.path().into()),
            "PATH" => Some(path()),
            _ => None,
        }
    }

    fn open(&self) -> UserConfig {
        let told = self.told.clone();
        let tell = move |warning: &tagger_registry::UserConfigWarning| {
            told.lock().unwrap().push(warning.to_string())
        };
        UserConfig::open(|name| self.variable(name), tell).unwrap()
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }
}

/// How many credentials are given for an image, and what they look like: no secret can be seen.
fn given(config: &UserConfig, registry: &str) -> usize {
    config.credentials(&registry.parse().unwrap(), &"a/b".parse().unwrap()).len()
}

const ANSWER: &str = r#"echo '{"ServerURL":"x","Username":"me","Secret":"hunter2"}'"#;

#[test]
fn a_helper_is_asked_once_for_the_registry_that_it_is_for() {
    let person = Person::new();
    person.config(r#"{"credHelpers":{"a.io":"keeper","b.io:5000":"keeper"}}"#);
    person.helper("keeper", ANSWER);
    let config = person.open();
    assert_eq!((given(&config, "a.io"), given(&config, "a.io"), given(&config, "b.io:5000")), (1, 1, 1));
    assert_eq!((given(&config, "b.io"), given(&config, "c.io")), (0, 0));
    assert_eq!(person.calls(), ["keeper get a.io", "keeper get b.io:5000"]);
    assert_eq!(person.told(), "");
}

#[test]
fn a_store_is_asked_for_all_others_and_the_file_counts_after_it() {
    let person = Person::new();
    person.config(
        r#"{"credsStore":"store","credHelpers":{"a.io":"keeper"},"auths":{"c.io":{"username":"u","password":"p"}}}"#,
    );
    person.helper("keeper", ANSWER);
    person.helper("store", ANSWER);
    let config = person.open();
    assert_eq!((given(&config, "a.io"), given(&config, "b.io"), given(&config, "c.io")), (1, 1, 2));
    assert_eq!(person.calls(), ["keeper get a.io", "store get b.io", "store get c.io"]);
}

#[test]
fn docker_hub_is_asked_for_by_both_of_its_names() {
    let person = Person::new();
    person.config(r#"{"credsStore":"store"}"#);
    person.helper("store", "echo 'credentials not found in native keychain'; exit 1");
    assert_eq!(given(&person.open(), "docker.io"), 0);
    assert_eq!(person.calls(), ["store get https://index.docker.io/v1/", "store get docker.io"]);
    assert_eq!(person.told(), "", "one that has none has not failed");
}

#[rstest]
#[case::fails(
    "echo 'error hunter2'; exit 3",
    "docker-credential-keeper failed for a.io (exit status: 3); echo a.io | docker-credential-keeper get shows why"
)]
#[case::says_nothing(
    "true",
    "docker-credential-keeper answered for a.io with something else than Username and Secret"
)]
#[case::is_no_answer("echo hunter2", "something else than Username and Secret")]
#[case::for_ever("exec yes hunter2", "docker-credential-keeper failed for a.io (")]
#[case::sleeps("exec sleep 60", "docker-credential-keeper gave no answer for a.io in 0.5 s")]
#[case::closes_and_sleeps("exec >&-; exec sleep 60", "gave no answer for a.io in 0.5 s")]
fn a_helper_that_fails_is_named_once_and_never_quoted(#[case] script: &str, #[case] told: &str) {
    let person = Person::new();
    person.config(r#"{"credHelpers":{"a.io":"keeper"},"auths":{"a.io":{"username":"u","password":"p"}}}"#);
    person.helper("keeper", script);
    let begun = Instant::now();
    let config = person.open().patient_for(Duration::from_millis(500));
    assert_eq!((given(&config, "a.io"), given(&config, "a.io")), (1, 1), "what the file has counts still");
    assert!(begun.elapsed() < Duration::from_secs(30));
    let all = person.told();
    assert!(all.contains(told) && !all.contains("hunter2"), "{all}");
    assert_eq!(all.lines().count(), 1, "{all}");
}

#[test]
fn a_helper_that_is_not_there_and_one_that_is_a_path_are_named() {
    let person = Person::new();
    person.config(r#"{"credHelpers":{"a.io":"nowhere","b.io":"../../tmp/x"}}"#);
    let config = person.open();
    assert_eq!((given(&config, "a.io"), given(&config, "b.io")), (0, 0));
    let told = person.told();
    assert!(told.contains("docker-credential-nowhere is not in PATH; install it"), "{told}");
    assert!(told.contains(r#"names the credential helper "../../tmp/x", which is no plain name"#), "{told}");
}

#[test]
fn a_file_that_is_named_has_to_be_there_and_to_be_right() {
    let person = Person::new();
    let open = |file: &Path| {
        let set = |name: &str| (name == "REGISTRY_AUTH_FILE").then(|| file.into());
        UserConfig::open(set, |_| {}).map(|config| given(&config, "a.io"))
    };
    assert!(open(&person.at("none")).unwrap_err().to_string().contains("none can't be read"));
    fs::write(person.at("auth.json"), "[hunter2").unwrap();
    let error = open(&person.at("auth.json")).unwrap_err().to_string();
    assert!(error.contains("auth.json can't be used") && !error.contains("hunter2"), "{error}");
    fs::write(person.at("auth.json"), r#"{"auths":{"a.io/a":{"auth":"bWU6aHVudGVyMg=="}}}"#).unwrap();
    assert_eq!(open(&person.at("auth.json")).unwrap(), 1);
    assert!(UserConfig::open(|_| None, |_| {}).is_ok_and(|config| given(&config, "a.io") == 0));
}

#[test]
fn an_entry_that_is_damaged_leaves_the_others() {
    let person = Person::new();
    person.config(r#"{"auths":{"a.io":{"auth":"%"},"b.io":{"username":"u","password":"p"}}}"#);
    let config = person.open();
    assert_eq!((given(&config, "a.io"), given(&config, "b.io")), (0, 1));
    assert!(person.told().contains("config.json: the `auth` of the entry a.io"), "{}", person.told());
}

#[rstest]
#[case::one_thread(false)]
#[case::several_threads(true)]
fn a_registry_lets_in_whom_a_helper_vouches_for(#[case] several: bool) {
    let mut builder = match several {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build().unwrap().block_on(async {
        let assets = Assets::obtain().await.unwrap();
        let options = RegistryOptions::default().user("me", "hunter2");
        let registry = Registry::start(&assets, &options).await.unwrap();
        let image = Image::single(1).push(&registry, "a/b", "v1").await.unwrap();
        let person = Person::new();
        person.config(&format!(r#"{{"credHelpers":{{"{}":"keeper"}}}}"#, registry.address()));
        person.helper("keeper", ANSWER);
        let insecure = vec![registry.address().parse().unwrap()];
        let client = Client::new(Settings { insecure, ..Settings::default() }, person.open()).unwrap();
        let reference = format!("{}/a/b:v1", registry.address()).parse().unwrap();
        let resolved = client.resolve(&reference, |_| None).await.unwrap();
        assert_eq!(resolved.digest.as_str(), image.digest);
        assert_eq!(person.calls().len(), 1);
    });
}

#[tokio::test]
async fn a_token_in_place_of_a_password_is_exchanged_as_one() {
    let assets = Assets::obtain().await.unwrap();
    let registry = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
    Image::single(1).push(&registry, "a/b", "v1").await.unwrap();
    let proxy = Proxy::start(&registry).await.unwrap();
    proxy.require_tokens(TokenOptions::default());
    let person = Person::new();
    person.config(&format!(r#"{{"credHelpers":{{"{}":"keeper"}}}}"#, proxy.address()));
    person.helper("keeper", r#"echo '{"Username":"<token>","Secret":"refresh"}'"#);
    let insecure = vec![proxy.address().parse().unwrap()];
    let client = Client::new(Settings { insecure, ..Settings::default() }, person.open()).unwrap();
    let reference = format!("{}/a/b:v1", proxy.address()).parse().unwrap();
    client.resolve(&reference, |_| None).await.unwrap();
    let asked = &proxy.token_requests()[0];
    assert_eq!(asked.method, "POST");
    assert!(asked.parameters.contains(&("refresh_token".to_owned(), "refresh".to_owned())), "{asked:?}");
}

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tagger_core::reference::{Registry, Repository};

use super::{Credential, DockerConfig, DockerConfigError, Keychain};

/// How often the file is looked at, at most.
const EVERY: Duration = Duration::from_secs(2);

/// A docker config in a file, read again when the file was changed or replaced, as a mounted Secret is when it rotates.
///
/// A new version that can't be used is told in the log, and the last good one goes on.
#[derive(Debug)]
pub struct DockerConfigFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: DockerConfig,
    /// The version that was read last, whether or not it could be used; none when the file was gone.
    seen: Option<Stamp>,
    looked: Instant,
}

/// What tells the versions of a file apart. It is the file's at the end of all links, which is where a mounted Secret changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    length: u64,
    modified: (i64, i64),
}

/// Says why a file of credentials can't be used. Never quotes what is in it.
#[derive(Debug, thiserror::Error)]
pub enum DockerConfigFileError {
    /// The file can't be read.
    #[error("{} can't be read: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// What is in it is no docker config.
    #[error("{} can't be used: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: DockerConfigError,
    },
}

impl DockerConfigFile {
    /// Reads a file, which has to be there and right.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DockerConfigFileError> {
        let path = path.into();
        let seen = stamp(&path).ok();
        let config = read(&path)?;
        Ok(Self { path, state: Mutex::new(State { config, seen, looked: Instant::now() }) })
    }

    fn at<T>(&self, now: Instant, give: impl FnOnce(&DockerConfig) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.looked) >= EVERY {
            state.looked = now;
            state.look(&self.path);
        }
        give(&state.config)
    }
}

impl State {
    /// The stamp is taken before the file is read: what is swapped in between is read twice, and never missed.
    fn look(&mut self, path: &Path) {
        let stamp = stamp(path).ok();
        if stamp == self.seen {
            return;
        }
        self.seen = stamp;
        match read(path) {
            Ok(config) => {
                tracing::info!(file = %path.display(), "credentials were read anew");
                self.config = config;
            }
            Err(error) => tracing::warn!(%error, "credentials stay as they were"),
        }
    }
}

impl Keychain for DockerConfigFile {
    fn credentials(&self, registry: &Registry, repository: &Repository) -> Vec<Credential> {
        self.at(Instant::now(), |config| config.credentials(registry, repository))
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let of = fs::metadata(path)?;
    Ok(Stamp { place: (of.dev(), of.ino()), length: of.len(), modified: (of.mtime(), of.mtime_nsec()) })
}

fn read(path: &Path) -> Result<DockerConfig, DockerConfigFileError> {
    let text = fs::read(path)
        .map_err(|problem| DockerConfigFileError::Unreadable { path: path.to_owned(), problem })?;
    DockerConfig::parse(&text)
        .map_err(|problem| DockerConfigFileError::Invalid { path: path.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn config(user: &str) -> String {
        format!(r#"{{"auths":{{"quay.io":{{"username":"{user}","password":"x"}}}}}}"#)
    }

    /// The id of the credential that is given, which is another for each user.
    fn given(file: &DockerConfigFile, seconds: u64) -> Vec<String> {
        let now = Instant::now() + Duration::from_secs(seconds);
        let (registry, repository) = ("quay.io".parse().unwrap(), "a".parse().unwrap());
        let credentials = file.at(now, |config| config.credentials(&registry, &repository));
        credentials
            .iter()
            .map(|credential| match credential.kind() {
                crate::keychain::CredentialKind::Basic { username, .. } => username.clone(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    /// As the kubelet swaps a mounted Secret: a link to a folder is replaced by a link to another one.
    #[test]
    fn a_file_behind_a_link_that_is_swapped_is_read_anew_and_a_damaged_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let swap = |version: &str, text: &str| {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("config.json"), text).unwrap();
            symlink(version, at("new")).unwrap();
            fs::rename(at("new"), at("..data")).unwrap();
        };
        swap("1", &config("first"));
        symlink("..data/config.json", at("config.json")).unwrap();
        let file = DockerConfigFile::open(at("config.json")).unwrap();
        swap("2", &config("second"));
        assert_eq!(given(&file, 1), ["first"], "it is not looked at for each request");
        assert_eq!(given(&file, 5), ["second"]);
        swap("3", "{");
        assert_eq!(given(&file, 10), ["second"], "a damaged version leaves the last good one");
        fs::remove_file(at("config.json")).unwrap();
        assert_eq!(given(&file, 15), ["second"], "and so does none");
        fs::write(at("config.json"), config("third")).unwrap();
        assert_eq!(given(&file, 20), ["third"]);
    }

    #[test]
    fn a_file_that_is_wrong_at_the_start_is_an_error_that_names_it_and_quotes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        assert!(DockerConfigFile::open(&path).unwrap_err().to_string().contains("config.json can't be read"));
        fs::write(&path, r#"{"auths":"hunter2"}"#).unwrap();
        let error = DockerConfigFile::open(&path).unwrap_err().to_string();
        assert!(error.contains("config.json can't be used") && !error.contains("hunter2"), "{error}");
    }
}

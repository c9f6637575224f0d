//! The credentials of the person who runs a program: what `docker login` and `podman login` left, and their helpers.

mod ask;
mod files;
mod helper;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tagger_core::reference::{Registry, Repository};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::pattern::Pattern;
use super::{Credential, DockerConfig, DockerConfigError, DockerConfigFileError, Keychain};
pub use ask::HelperProblem;
use helper::Helper;

/// How long a helper may take. Some ask a person, or a cloud.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads the credentials of the person who runs this, as docker and podman keep them: in their config files, and in the programs
/// (`credHelpers` and `credsStore`) that those name.
///
/// A helper is run when its registry is asked first, and what it said counts for as long as the process runs. While it runs, a
/// runtime of several threads has all other tasks go on.
pub struct UserConfig {
    files: Vec<OneFile>,
    answers: Mutex<HashMap<(Helper, String), Option<Credential>>>,
    /// The `PATH` where helpers are.
    path: OsString,
    patience: Duration,
    tell: Arc<dyn Fn(&UserConfigWarning) + Send + Sync>,
}

/// Something of a user's config that can't be used; the rest of it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserConfigWarning {
    /// An entry of a file.
    #[error("{}: {problem}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// What is wrong with the entry.
        problem: DockerConfigError,
    },
    /// A helper.
    #[error(transparent)]
    Helper(#[from] HelperProblem),
}

/// What one config file has.
struct OneFile {
    config: DockerConfig,
    /// For the registries that these match.
    helpers: Vec<(Pattern, Helper)>,
    /// For all others.
    store: Option<Helper>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Programs {
    creds_store: Option<String>,
    cred_helpers: Option<BTreeMap<String, String>>,
}

impl UserConfig {
    /// Reads the files that these environment variables lead to: `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG` or `HOME`,
    /// `XDG_RUNTIME_DIR` and `XDG_CONFIG_HOME`; `PATH` leads to the helpers. The file that the first one names has to be there;
    /// of the others, those that are there count. `tell` is told what can't be used, each thing once.
    pub fn open(
        variable: impl Fn(&str) -> Option<OsString>,
        tell: impl Fn(&UserConfigWarning) + Send + Sync + 'static,
    ) -> Result<Self, DockerConfigFileError> {
        let (tell, mut files) = (Arc::new(tell), Vec::new());
        let own_path = variable("PATH").unwrap_or_default();
        for (path, must) in files::places(&variable) {
            if !must && !path.is_file() {
                continue;
            }
            let text = std::fs::read(&path)
                .map_err(|problem| DockerConfigFileError::Unreadable { path: path.clone(), problem })?;
            files.push(OneFile::read(&path, &text, tell.as_ref())?);
        }
        Ok(Self { files, answers: Mutex::default(), path: own_path, patience: PATIENCE, tell })
    }

    /// The same, with another time limit for a helper than a minute.
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    fn gather(&self, registry: &Registry, repository: &Repository) -> Vec<Credential> {
        let mut credentials = Vec::new();
        for file in &self.files {
            if let Some(helper) = file.helper(registry, repository) {
                credentials.extend(self.answer(helper, registry));
            }
            credentials.extend(file.config.credentials(registry, repository));
        }
        credentials
    }

    /// What a helper says of a registry. It is asked once.
    fn answer(&self, helper: &Helper, registry: &Registry) -> Option<Credential> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for server in files::servers(registry) {
            let key = (helper.clone(), server.clone());
            let answer = match answers.get(&key) {
                Some(known) => known.clone(),
                None => {
                    let answer = helper.ask(&server, &self.path, self.patience).unwrap_or_else(|problem| {
                        (self.tell)(&problem.into());
                        None
                    });
                    answers.insert(key, answer.clone());
                    answer
                }
            };
            if answer.is_some() {
                return answer;
            }
        }
        None
    }
}

impl Keychain for UserConfig {
    fn credentials(&self, registry: &Registry, repository: &Repository) -> Vec<Credential> {
        let many = Handle::try_current().is_ok_and(|of| of.runtime_flavor() == RuntimeFlavor::MultiThread);
        let runs_something = self.files.iter().any(|file| file.helper(registry, repository).is_some());
        match many && runs_something {
            true => tokio::task::block_in_place(|| self.gather(registry, repository)),
            false => self.gather(registry, repository),
        }
    }
}

impl OneFile {
    fn read(
        path: &Path,
        text: &[u8],
        tell: &dyn Fn(&UserConfigWarning),
    ) -> Result<Self, DockerConfigFileError> {
        let invalid = |problem| DockerConfigFileError::Invalid { path: path.to_owned(), problem };
        let (config, problems) = DockerConfig::salvage(text);
        for problem in problems {
            match problem {
                DockerConfigError::NotAConfig => return Err(invalid(problem)),
                problem => tell(&UserConfigWarning::Entry { file: path.to_owned(), problem }),
            }
        }
        let programs: Programs =
            serde_json::from_slice(text).map_err(|_| invalid(DockerConfigError::NotAConfig))?;
        let known = |name: &str| match Helper::named(name, path) {
            Ok(helper) => Some(helper),
            Err(problem) => {
                tell(&problem.into());
                None
            }
        };
        let mut helpers = Vec::new();
        for (host, name) in programs.cred_helpers.unwrap_or_default() {
            match Pattern::parse(&host) {
                Some(pattern) => helpers.extend(known(&name).map(|helper| (pattern, helper))),
                None => {
                    let problem = DockerConfigError::Name(crate::fault::shown(host));
                    tell(&UserConfigWarning::Entry { file: path.to_owned(), problem });
                }
            }
        }
        helpers.sort_by_key(|(pattern, _)| pattern.specific());
        let store = programs.creds_store.filter(|name| !name.is_empty());
        Ok(Self { config, helpers, store: store.as_deref().and_then(known) })
    }

    fn helper(&self, registry: &Registry, repository: &Repository) -> Option<&Helper> {
        let own = self.helpers.iter().find(|(pattern, _)| pattern.matches(registry, repository));
        own.map(|(_, helper)| helper).or(self.store.as_ref())
    }
}

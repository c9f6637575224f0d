//! Asks a credential helper, by the protocol of docker's: `get`, with the server on standard input.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde::Deserialize;

use super::helper::Helper;
use crate::keychain::Credential;

/// The most bytes of an answer.
const LARGEST: u64 = 1024 * 1024;
/// The user name that stands for a token in place of a password.
const TOKEN: &str = "<token>";
/// How a helper says that it has none. It is a failure for it.
const NONE: &[u8] = b"credentials not found";
/// How often a helper that has answered is looked at, until it has ended.
const STEP: Duration = Duration::from_millis(5);

/// Says why a credential helper gave nothing. Never quotes what it said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelperProblem {
    /// Its name is none.
    #[error(
        "{} names the credential helper {name:?}, which is no plain name; write the part after docker-credential-",
        file.display()
    )]
    Name {
        /// The config file.
        file: PathBuf,
        /// The name.
        name: String,
    },
    /// There is no such program.
    #[error(
        "the credential helper {program} is not in PATH; install it, or take it out of the docker config"
    )]
    Missing {
        /// The program.
        program: String,
    },
    /// It can't be run.
    #[error("the credential helper {program} can't be run: {problem}")]
    NotRun {
        /// The program.
        program: String,
        /// Why.
        problem: String,
    },
    /// It failed.
    #[error(
        "the credential helper {program} failed for {server} ({how}); echo {server} | {program} get shows why"
    )]
    Failed {
        /// The program.
        program: String,
        /// What it was asked for.
        server: String,
        /// How it ended.
        how: String,
    },
    /// It took too long.
    #[error("the credential helper {program} gave no answer for {server} in {} s", .after.as_secs_f64())]
    TooSlow {
        /// The program.
        program: String,
        /// What it was asked for.
        server: String,
        /// How long it had.
        after: Duration,
    },
    /// What it said is no answer.
    #[error(
        "the credential helper {program} answered for {server} with something else than Username and Secret"
    )]
    Answer {
        /// The program.
        program: String,
        /// What it was asked for.
        server: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl Helper {
    /// The credential that the helper has for a server, if it has any.
    pub(super) fn ask(
        &self,
        server: &str,
        path: &OsStr,
        patience: Duration,
    ) -> Result<Option<Credential>, HelperProblem> {
        let (program, server) = (self.program().to_owned(), server.to_owned());
        let Some(file) = self.find(path) else { return Err(HelperProblem::Missing { program }) };
        let (answer, status) = match run(&file, &server, patience) {
            Ok(Some(ended)) => ended,
            Ok(None) => return Err(HelperProblem::TooSlow { program, server, after: patience }),
            Err(problem) => return Err(HelperProblem::NotRun { program, problem: problem.to_string() }),
        };
        if !status.success() {
            return match answer.windows(NONE.len()).any(|part| part == NONE) {
                true => Ok(None),
                false => Err(HelperProblem::Failed { program, server, how: status.to_string() }),
            };
        }
        let answer: Result<Answer, _> = serde_json::from_slice(&answer);
        let Ok(Answer { username, secret }) = answer else {
            return Err(HelperProblem::Answer { program, server });
        };
        let secret = SecretString::from(secret);
        Ok(match username.as_str() {
            "" => None,
            TOKEN => Some(Credential::identity_token(secret)),
            _ => Some(Credential::basic(username, secret)),
        })
    }
}

/// What the program printed and how it ended; none where it took too long. What it has to tell a person, it tells on
/// standard error, which is left as it is.
fn run(file: &Path, server: &str, patience: Duration) -> io::Result<Option<(Vec<u8>, ExitStatus)>> {
    let until = Instant::now() + patience;
    let mut command = Command::new(file);
    let mut child = command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (done, answer) = mpsc::channel();
    let server = server.to_owned();
    thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // One that knows what to say without reading has closed it.
            let _ = stdin.write_all(server.as_bytes());
        }
        let mut printed = Vec::new();
        let read = stdout.map(|stdout| stdout.take(LARGEST).read_to_end(&mut printed));
        let _ = done.send(read.transpose().map(|_| printed));
    });
    let printed = answer.recv_timeout(until.saturating_duration_since(Instant::now()));
    let Ok(printed) = printed else { return end(child).map(|()| None) };
    let printed = printed?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some((printed, status)));
        }
        if Instant::now() >= until {
            return end(child).map(|()| None);
        }
        thread::sleep(STEP);
    }
}

/// Ends a program that takes too long.
fn end(mut child: Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

//! `kubectl tag completion`: what shells and kubectl need to complete this command, and what they are answered.

mod names;
mod words;

use std::ffi::OsString;
use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, engine};

use crate::Exit;
use crate::arguments::Arguments;
use crate::problem::Problem;
use crate::session::Session;

pub(crate) use names::{contexts, generations, namespaces, tag_names, workloads};

/// The program.
const PROGRAM: &str = "kubectl-tag";
/// The variable by which a shell asks for completions.
const VARIABLE: &str = "COMPLETE";
/// The first word by which kubectl's script asks for them.
const ASKED: &str = "__complete";
/// What kubectl is told at the end: these are all, and file names are none of them.
const NO_FILES: &str = ":4";

/// The script that kubectl runs to complete the plugin.
const SCRIPT: &str = r#"#!/bin/sh
# kubectl completes its plugin `kubectl tag` by this program, kubectl_complete-tag, somewhere in PATH.
exec kubectl-tag __complete "$@"
"#;

/// Prints what a shell needs to complete the command.
#[derive(Clone, Debug, Args)]
pub struct Completion {
    /// For whom
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Who completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// bash, for kubectl-tag typed by itself.
    Bash,
    /// zsh, likewise.
    Zsh,
    /// fish, likewise.
    Fish,
    /// kubectl's own completion of kubectl tag, in any shell: a file kubectl_complete-tag.
    Kubectl,
}

impl Completion {
    pub(crate) fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let name = match self.shell {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
            Shell::Kubectl => {
                session.screen.text(SCRIPT);
                return Ok(Exit::Done);
            }
        };
        let mut script = Vec::new();
        let failed = |error: std::io::Error| Problem::Output(error.to_string());
        if let Some(shell) = Shells::builtins().completer(name) {
            shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script).map_err(failed)?;
        }
        session.screen.text(&String::from_utf8_lossy(&script));
        Ok(Exit::Done)
    }
}

/// Answers a shell, or kubectl, that asks how to complete what was typed so far. Says whether that was it.
pub(crate) fn answered() -> bool {
    let asked: Vec<OsString> = std::env::args_os().skip(1).collect();
    if asked.first().is_some_and(|word| word == ASKED) {
        let _ = write!(std::io::stdout(), "{}", for_kubectl(&asked[1..]));
        return true;
    }
    if std::env::var_os(VARIABLE).is_none() {
        return false;
    }
    let answer = CompleteEnv::with_factory(Arguments::command).bin(PROGRAM).completer(PROGRAM);
    answer.try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref()).unwrap_or(true)
}

/// The candidates, one a line, with what each is for behind a tab, as kubectl reads them.
fn for_kubectl(typed: &[OsString]) -> String {
    let words: Vec<OsString> = std::iter::once(PROGRAM.into()).chain(typed.iter().cloned()).collect();
    let last = words.len() - 1;
    let candidates = engine::complete(&mut Arguments::command(), words, last, None).unwrap_or_default();
    let line = |candidate: &engine::CompletionCandidate| {
        let value = candidate.get_value().to_string_lossy().into_owned();
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        match help.lines().next() {
            Some(help) if !help.is_empty() => format!("{value}\t{help}\n"),
            _ => format!("{value}\n"),
        }
    };
    let shown = candidates.iter().filter(|candidate| !candidate.is_hide_set());
    format!("{}{NO_FILES}\n", shown.map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(typed: &[&str]) -> Vec<String> {
        let typed: Vec<OsString> = typed.iter().map(Into::into).collect();
        let answer = for_kubectl(&typed);
        let mut lines: Vec<String> = answer.lines().map(str::to_owned).collect();
        assert_eq!(lines.pop().as_deref(), Some(NO_FILES));
        lines
    }

    #[test]
    fn commands_are_completed_with_what_they_are_for() {
        let lines = completed(&["hi"]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("history\tShow the generations"), "{lines:?}");
    }

    #[test]
    fn flags_and_their_values_are_completed() {
        assert!(completed(&["status", "--all-n"])[0].starts_with("--all-namespaces"));
        let forms: Vec<String> = completed(&["status", "-o", ""]);
        assert!(forms.iter().any(|line| line.starts_with("json")), "{forms:?}");
    }
}

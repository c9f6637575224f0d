//! `kubectl tag`: how people see and steer what Tagger knows of image tags.
//!
//! [`arguments`] defines the command line, and everything that is made from it: help, completions, manuals. Each command is a module
//! of its own in `commands`; what a command decides is pure and tested by tables, what it does goes through a `session`.

mod age;
pub mod arguments;
mod cache;
mod commands;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod generations;
mod overview;
mod problem;
mod registry;
mod screen;
mod session;
mod steering;
mod tags;
mod transfer;
mod waiting;
mod workloads;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use problem::Problem;
use screen::Screen;
use session::Session;

/// How a command ended.
///
/// The codes are part of what scripts rely on: 0 done; 1 failed; 2 the command line is wrong; 3 a check found something; 4 a wait came to
/// its end first; 130 interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked for.
    Done,
    /// It was asked to check, and found something.
    Found,
}

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    if commands::completion::answered() {
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    let screen = Screen;
    match run(arguments, &screen) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Found) => ExitCode::from(3),
        Err(problem) => {
            screen.problem(&problem);
            ExitCode::from(problem.exit_code())
        }
    }
}

fn run(arguments: Arguments, screen: &Screen) -> Result<Exit, Problem> {
    session::log(arguments.cluster.verbosity);
    install_cryptography();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Problem::Runtime)?;
    let session = Session::new(arguments.cluster, *screen);
    runtime.block_on(async {
        tokio::select! {
            ended = commands::run(arguments.command, &session) => ended,
            _ = tokio::signal::ctrl_c() => Err(Problem::Interrupted),
        }
    })
}

/// Chooses the cryptography of TLS for the whole process. That it is chosen already is as good.
pub(crate) fn install_cryptography() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

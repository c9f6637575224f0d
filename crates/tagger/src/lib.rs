//! The program: arguments, wiring, servers, shutdown. What it does is in the crates that it puts together.

pub mod arguments;
mod cache;
mod copy;
mod election;
mod health;
mod logging;
pub mod metrics;
mod receiver;
mod registries;
mod run;
mod shutdown;
mod traces;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};

/// Does what the command line asks for. Exit code 0: done; 1: failed, with the reason on standard error; 2: the command line is
/// wrong.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(arguments) => told(run::run(*arguments)),
        Command::Copy(arguments) => told(copy::run(*arguments)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "tagger", &mut script);
            match std::io::stdout().write_all(&script) {
                // Whoever reads only the beginning has what they wanted.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
                _ => ExitCode::SUCCESS,
            }
        }
    }
}

fn told(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tagger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

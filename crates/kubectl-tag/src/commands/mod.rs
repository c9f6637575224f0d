//! The commands, each with its flags and what it does.

pub mod completion;
pub mod copy;
pub mod diff;
pub mod downgrade;
pub mod explain;
pub mod generate;
pub mod history;
pub mod import;
pub mod list_tags;
pub mod new;
pub mod outdated;
pub mod pin;
pub mod pull;
pub mod push;
pub mod resume;
pub mod retag;
pub mod status;
pub mod suspend;
pub mod unpin;
pub mod upgrade;

use crate::Exit;
use crate::arguments::Command;
use crate::problem::Problem;
use crate::session::Session;

/// Does what a command is for.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit, Problem> {
    match command {
        Command::New(command) => command.run(session).await,
        Command::Import(command) => command.run(session).await,
        Command::Upgrade(command) => command.run(session).await,
        Command::Downgrade(command) => command.run(session).await,
        Command::Pin(command) => command.run(session).await,
        Command::Unpin(command) => command.run(session).await,
        Command::Suspend(command) => command.run(session).await,
        Command::Resume(command) => command.run(session).await,
        Command::Status(command) => command.run(session).await,
        Command::History(command) => command.run(session).await,
        Command::Diff(command) => command.run(session).await,
        Command::Explain(command) => command.run(session).await,
        Command::Outdated(command) => command.run(session).await,
        Command::Generate(command) => command.run(session).await,
        Command::Retag(command) => command.run(session).await,
        Command::ListTags(command) => command.run(session).await,
        Command::Pull(command) => command.run(session).await,
        Command::Push(command) => command.run(session).await,
        Command::Copy(command) => command.run(session).await,
        Command::Completion(command) => command.run(session),
    }
}

//! Processes that die with their owner, however the owner dies.
//!
//! A test can be ended by SIGKILL, and a `static` is never dropped, so no destructor can be relied
//! on. Each child therefore runs under a few lines of shell that hold the reading end of a pipe
//! whose writing end is ours alone. The kernel closes it when we die, and the shell then ends the
//! child and everything the child started.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a waiting call looks again.
const POLL: Duration = Duration::from_millis(10);

/// The shell ends a child by force after five seconds; past this, the shell itself is stuck.
const PATIENCE: Duration = Duration::from_secs(15);

/// The leash. It leads a process group of its own, so that `kill 0` reaches the child and all its
/// descendants and nobody else. A subshell, the keeper, reads the pipe: a line names a signal for
/// the child, and the end means that the child must go.
///
/// A subshell forgets its parent's traps, hence the second `trap`: both shells must outlive the
/// SIGTERM to their own group. A trap also interrupts `wait`, hence the loop. The child is killed
/// by itself and reaped before the group is, so that nothing of it is left once the shell is gone;
/// the keeper stays behind for descendants that cling on, and the shell keeps the child's status.
const SCRIPT: &str = r#"
log=$1; shift
ending=
trap 'ending=1; interrupted=1' TERM
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
child=$!
echo "$child"
exec >/dev/null
(
  trap : TERM
  while read -r signal <&3; do kill -s "$signal" "$child"; done
  kill -s CONT 0
  kill -s TERM 0
  tries=0
  while kill -s 0 "$child" && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL "$child"
  while kill -s 0 "$child"; do sleep 0.1; done
  sleep 0.2
  kill -s KILL 0
) 2>/dev/null &
keeper=$!
exec 3<&- </dev/null
while :; do
  interrupted=
  wait "$child"; status=$?
  [ -n "$interrupted" ] || break
done
[ -n "$ending" ] || kill -s KILL "$keeper" 2>/dev/null
exit "$status"
"#;

/// A child process that ends when this value is dropped or when this process dies.
#[derive(Debug)]
pub struct Leashed {
    name: String,
    shell: Child,
    pipe: Option<ChildStdin>,
    pid: u32,
}

impl Leashed {
    /// Starts a command on a leash, its output appended to `log_file`.
    ///
    /// The program, arguments, working directory and added or removed variables of `command` are
    /// kept. Its own redirections and `env_clear` are not: they can't be read back from it.
    pub fn spawn(command: &Command, log_file: &Path) -> Result<Self> {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(SCRIPT).arg("leash").arg(log_file);
        shell.arg(command.get_program()).args(command.get_args());
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(variable, value),
                None => shell.env_remove(variable),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            shell.current_dir(directory);
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut shell = shell.spawn().with_context(|| format!("start {name} under sh"))?;
        let pipe = shell.stdin.take();
        let mut pid = String::new();
        if let Some(output) = shell.stdout.take() {
            BufReader::new(output).read_line(&mut pid).with_context(|| format!("read the pid of {name}"))?;
        }
        let pid = pid.trim().parse().with_context(|| format!("the leash of {name} named no process"))?;
        Ok(Self { name, shell, pipe, pid })
    }

    /// The process id of the child itself, not of its leash.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the child is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.exit_status(), Ok(None))
    }

    /// The child's exit status once it has ended; 128 and the signal's number where one ended it.
    pub fn exit_status(&mut self) -> Result<Option<i32>> {
        let status = self.shell.try_wait().with_context(|| format!("look after {}", self.name))?;
        // The shell itself has no code only where somebody killed it.
        Ok(status.map(|status| status.code().unwrap_or(128 + 9)))
    }

    /// Sends the child a signal by its name, such as `STOP`, `CONT` or `HUP`.
    pub fn signal(&mut self, signal: &str) -> Result<()> {
        let Some(pipe) = self.pipe.as_mut() else { bail!("{} has been stopped", self.name) };
        writeln!(pipe, "{signal}").with_context(|| format!("send {signal} to {}", self.name))
    }

    /// Asks the child to end, and makes it end after five seconds.
    pub fn stop(&mut self) -> Result<()> {
        self.pipe = None;
        self.wait_for_end()
    }

    /// Ends the child at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        if self.is_running() {
            // The child may end between the two calls; then there is nobody to write to.
            let _ = self.signal("KILL");
        }
        self.wait_for_end()
    }

    fn wait_for_end(&mut self) -> Result<()> {
        let start = Instant::now();
        while self.exit_status()?.is_none() {
            if start.elapsed() > PATIENCE {
                bail!("{} (process {}) did not end within {PATIENCE:?}", self.name, self.pid);
            }
            sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // Nothing can be reported from here, and the shell goes on with the work without us.
        let _ = self.stop();
    }
}

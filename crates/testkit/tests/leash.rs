//! A leashed process ends when its owner lets go, and with it all that it started.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tagger_testkit::leash::Leashed;
use tagger_testkit::scratch::Scratch;

/// Whether a process is there and more than a zombie.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

fn wait_for(what: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if what() {
            return true;
        }
        sleep(Duration::from_millis(20));
    }
    false
}

fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("300");
    command
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn read_pid(path: &Path) -> u32 {
    assert!(wait_for(|| fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'))));
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[test]
fn dropping_the_leash_ends_the_child_and_its_children() {
    let folder = Scratch::on_disk().unwrap();
    let log = folder.path().join("log");
    let mut child = Leashed::spawn(&shell("sleep 300 & echo $!; wait"), &log).unwrap();
    let grandchild = read_pid(&log);
    assert!(child.is_running() && is_alive(grandchild));
    let pid = child.pid();
    drop(child);
    assert!(!is_alive(pid));
    assert!(wait_for(|| !is_alive(grandchild)));
}

#[test]
fn a_child_that_ignores_the_request_to_end_is_killed() {
    let folder = Scratch::on_disk().unwrap();
    let log = folder.path().join("log");
    let mut child = Leashed::spawn(&shell("trap '' TERM; echo $$; while :; do sleep 1; done"), &log).unwrap();
    assert_eq!(read_pid(&log), child.pid());
    let start = Instant::now();
    child.stop().unwrap();
    assert!((4..9).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert!(!is_alive(child.pid()));
}

#[test]
fn killing_is_immediate_and_known_by_the_status() {
    let folder = Scratch::on_disk().unwrap();
    let mut child = Leashed::spawn(&sleeper(), &folder.path().join("log")).unwrap();
    child.signal("STOP").unwrap();
    child.kill().unwrap();
    assert_eq!(child.exit_status().unwrap(), Some(137));
    assert!(!is_alive(child.pid()));
}

#[test]
fn a_program_that_is_missing_ends_with_its_reason_in_the_log() {
    let folder = Scratch::on_disk().unwrap();
    let log = folder.path().join("log");
    let mut child = Leashed::spawn(&Command::new("/no/such/program"), &log).unwrap();
    assert!(wait_for(|| fs::read_to_string(&log).is_ok_and(|text| text.contains("/no/such/program"))));
    child.stop().unwrap();
    assert_eq!(child.exit_status().unwrap(), Some(127));
}

#[test]
fn the_status_of_a_child_that_ends_when_asked_is_kept() {
    let folder = Scratch::on_disk().unwrap();
    let log = folder.path().join("log");
    let mut child =
        Leashed::spawn(&shell("trap 'exit 7' TERM; echo $$; while :; do sleep 0.02; done"), &log).unwrap();
    read_pid(&log);
    child.stop().unwrap();
    assert_eq!(child.exit_status().unwrap(), Some(7));
}

/// Not a test of its own: the owner that the next test kills.
#[test]
#[ignore = "started by `a_child_dies_when_its_owner_is_killed`"]
fn owner_that_waits_to_be_killed() {
    let Ok(file) = std::env::var("LEASH_TEST_PID_FILE") else { return };
    let child = Leashed::spawn(&sleeper(), Path::new("/dev/null")).unwrap();
    fs::write(file, format!("{}\n", child.pid())).unwrap();
    sleep(Duration::from_secs(300));
}

#[test]
fn a_child_dies_when_its_owner_is_killed() {
    let folder = Scratch::on_disk().unwrap();
    let file = folder.path().join("pid");
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "owner_that_waits_to_be_killed"])
        .env("LEASH_TEST_PID_FILE", &file)
        .spawn()
        .unwrap();
    let pid = read_pid(&file);
    assert!(is_alive(pid));
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(wait_for(|| !is_alive(pid)));
}

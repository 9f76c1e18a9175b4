//! A child and everything that it starts, ended together.
//!
//! A Godot that hangs may have children of its own, and a child in a group of its own does not hear the Ctrl-C of
//! the terminal: so the living groups are known here, and die with this program.

use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long a group that was asked to end has for it.
const MOMENT: Duration = Duration::from_millis(500);

static LIVING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A child that leads a process group. When this is dropped, whatever is left of the group is killed.
pub struct Leader {
    /// The child; its standard streams are as the command said.
    pub child: Child,
}

impl Leader {
    /// Starts the command in a group of its own.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        own_group(command);
        // The lock is held while starting, so that an interrupt cannot come between the start and the note of it.
        let mut living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        living.push(child.id());
        Ok(Self { child })
    }

    /// Ends the whole group. It is asked first, and has a moment: a child that leads groups itself ends those.
    pub fn kill(&mut self) {
        ask_group(self.child.id());
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < MOMENT {
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_group(self.child.id());
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.kill();
        // Collects the child where nobody has waited for it yet; what went wrong with that has no one to act on it.
        let _ = self.child.wait();
        let id = self.child.id();
        LIVING.lock().unwrap_or_else(PoisonError::into_inner).retain(|living| *living != id);
    }
}

/// From now on Ctrl-C, a hang-up or a request to terminate ends every living group, then this program.
pub fn kill_all_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        let living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        living.iter().for_each(|id| ask_group(*id));
        if !living.is_empty() {
            // Less than what a program above gives this one.
            std::thread::sleep(MOMENT / 2);
        }
        living.iter().for_each(|id| kill_group(*id));
        // 128 + SIGINT, what a shell reports for an interrupted command.
        std::process::exit(130);
    })
    .context("cannot watch for Ctrl-C")
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

#[cfg(unix)]
fn ask_group(leader: u32) {
    signal(leader, rustix::process::Signal::TERM);
}

#[cfg(unix)]
fn kill_group(leader: u32) {
    signal(leader, rustix::process::Signal::KILL);
}

#[cfg(unix)]
fn signal(leader: u32, signal: rustix::process::Signal) {
    use rustix::process::{Pid, kill_process_group};
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // It fails where the whole group has ended already, which is what is wanted.
        let _ = kill_process_group(pid, signal);
    }
}

/// Windows ends what a process started with it.
#[cfg(not(unix))]
fn ask_group(_leader: u32) {}

#[cfg(not(unix))]
fn kill_group(leader: u32) {
    let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &leader.to_string()]).output();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_leads_groups_of_its_own_is_asked_to_end_before_it_is_killed() {
        let folder = std::env::temp_dir().join(format!("supervised-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [ready, asked] = ["ready", "asked"].map(|name| folder.join(name));
        let script = "trap 'touch \"$1\"; exit' TERM; touch \"$0\"; while :; do sleep 0.01; done";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(&ready).arg(&asked);
        let leader = Leader::start(&mut command).unwrap();
        while !ready.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(leader);
        assert!(asked.exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

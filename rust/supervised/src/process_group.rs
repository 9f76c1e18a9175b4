//! A child and everything that it starts, ended together.
//!
//! A Godot that hangs may have children of its own, and a child in a group of its own does not hear the Ctrl-C of
//! the terminal: so the living groups are known here, and die with this program.

use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

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

    /// Ends the whole group at once.
    pub fn kill(&mut self) {
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
        for id in LIVING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            kill_group(*id);
        }
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
fn kill_group(leader: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // It fails where the whole group has ended already, which is what is wanted.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(leader: u32) {
    let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &leader.to_string()]).output();
}

//! Ends a child together with everything that it started.
//!
//! A hanging Godot may have its own children. A child in its own process group does not get the Ctrl-C of the terminal. So this
//! module keeps a list of the running groups, and ends them together with this program.

use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The time between the request to end and the kill of a group.
const MOMENT: Duration = Duration::from_millis(500);

static LIVING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A child that leads a process group. When this value is dropped, all remaining processes of the group are killed.
pub struct Leader {
    /// The child. Its standard streams are those of the command.
    pub child: Child,
}

impl Leader {
    /// Starts the command in its own process group.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        own_group(command);
        // The lock is held during the start, so that no interrupt comes before the group is in the list.
        let mut living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        living.push(child.id());
        Ok(Self { child })
    }

    /// Ends the whole group. It first gets a request and a short time, because a child may have to end its own groups.
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
        // Collects the child if nobody has waited for it. An error of this call does not matter.
        let _ = self.child.wait();
        let id = self.child.id();
        LIVING.lock().unwrap_or_else(PoisonError::into_inner).retain(|living| *living != id);
    }
}

/// From now on, Ctrl-C, a hang-up or a request to terminate first ends every running group, then this program.
pub fn kill_all_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        let living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        living.iter().for_each(|id| ask_group(*id));
        if !living.is_empty() {
            // This is shorter than the time that a parent program gives to this one.
            std::thread::sleep(MOMENT / 2);
        }
        living.iter().for_each(|id| kill_group(*id));
        // 128 + SIGINT, which a shell reports for an interrupted command.
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
        // This fails if the whole group has already ended, which is the goal.
        let _ = kill_process_group(pid, signal);
    }
}

/// On Windows, `kill_group` alone ends the processes.
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

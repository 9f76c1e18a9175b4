//! The resources of this process: memory, files and threads.

use std::path::Path;

use anyhow::{Context, Result};

/// Resident memory in bytes.
pub(crate) fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("resident memory is read from /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("/proc/self/status has no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS is a number")?;
    Ok(kib * 1024)
}

/// The number of open files and sockets.
pub(crate) fn open_files() -> Result<usize> {
    entries("/proc/self/fd")
}

pub(crate) fn threads() -> Result<usize> {
    entries("/proc/self/task")
}

fn entries(folder: &str) -> Result<usize> {
    Ok(Path::new(folder).read_dir().with_context(|| format!("cannot read {folder}"))?.count())
}

/// Raises the limit of open files to the maximum for this process. Many systems start with 1024.
#[cfg(unix)]
pub(crate) fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If this fails, a later connection fails with a clear error.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

#[cfg(not(unix))]
pub(crate) fn allow_many_files() {}

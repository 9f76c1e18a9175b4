//! Runs a child process under a deadline, captures its output in order, and prints progress messages on standard error.

use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process_group::Leader;

/// How often a silent child is checked.
const TICK: Duration = Duration::from_millis(20);
/// After this time without a line on the terminal, a message says that the step is still running.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// How long the child's own children may keep its output open after it has ended.
const STRAGGLERS: Duration = Duration::from_secs(2);
/// The limit of the output, in bytes. No normal run prints as much, so a child that prints endlessly is killed.
const MOST_OUTPUT: usize = 64 << 20;

/// The result of a child process.
#[derive(Debug)]
pub struct Captured {
    /// Standard output and standard error, in the order of their lines.
    pub output: String,
    /// How it ended.
    pub ending: Ending,
}

/// How a child ended.
#[derive(Debug)]
pub enum Ending {
    /// It exited by itself, or a signal ended it.
    Exited(ExitStatus),
    /// It was killed with all its children, because it was still running after this time.
    PassedDeadline(Duration),
    /// It was killed with all its children, because it printed too much.
    TooMuchOutput,
}

impl Ending {
    /// The problem as a sentence. `None` for an exit with code 0.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Exited(status) if status.success() => None,
            Self::Exited(status) => Some(match status.code() {
                Some(code) => format!("it exited with code {code}"),
                None => format!("it was ended by a signal ({status})"),
            }),
            Self::PassedDeadline(deadline) => Some(format!(
                "it was still running after {} s and was killed; the reason can be a parse error, an endless loop or \
                 a missing quit() (a line `# deadline: SECONDS` at the top of a script gives it more time)",
                deadline.as_secs_f32()
            )),
            Self::TooMuchOutput => Some(format!("it was killed after printing {} MiB", MOST_OUTPUT >> 20)),
        }
    }
}

/// Which output is shown while a child runs.
#[derive(Clone, Copy)]
pub enum Echo {
    /// Every line.
    All,
    /// The lines that this function accepts, indented.
    Only(fn(&str) -> bool),
    /// Only progress messages.
    Nothing,
}

/// Runs a command until it ends, or until its deadline.
///
/// `what` names the command in the progress messages. The standard input of the command is empty. Returns an error only if the
/// command cannot be started or observed.
pub fn run(mut command: Command, what: &str, deadline: Duration, echo: Echo) -> Result<Captured> {
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().context("cannot copy a pipe's end")?).stderr(writer);
    let started = Instant::now();
    let mut leader =
        Leader::start(&mut command).with_context(|| format!("cannot start {}", command.get_program().display()))?;
    // The command still holds the writing ends of the pipe. As long as it exists, the reader would not see the end.
    drop(command);

    let (sender, lines) = sync_channel(1024);
    std::thread::spawn(move || send_lines(reader, &sender));

    let mut watch = Watch { what, started, shown: started, echo, output: String::new() };
    let ending = watch.until_the_end(&mut leader, &lines, deadline)?;
    Ok(Captured { output: watch.output, ending })
}

struct Watch<'a> {
    what: &'a str,
    started: Instant,
    /// When the last line appeared on the terminal.
    shown: Instant,
    echo: Echo,
    output: String,
}

impl Watch<'_> {
    fn until_the_end(&mut self, leader: &mut Leader, lines: &Receiver<String>, deadline: Duration) -> Result<Ending> {
        let mut open = true;
        let mut exited: Option<(ExitStatus, Instant)> = None;
        loop {
            if open {
                match lines.recv_timeout(TICK) {
                    Ok(line) => self.take(&line),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => open = false,
                }
            } else {
                std::thread::sleep(TICK);
            }
            if exited.is_none() {
                let status = leader.child.try_wait().context("cannot wait for a child")?;
                exited = status.map(|status| (status, Instant::now()));
            }
            if let Some((status, since)) = exited
                && (!open || since.elapsed() > STRAGGLERS)
            {
                return Ok(Ending::Exited(status));
            }
            let ending = if self.started.elapsed() > deadline {
                Ending::PassedDeadline(deadline)
            } else if self.output.len() > MOST_OUTPUT {
                Ending::TooMuchOutput
            } else {
                self.sign_of_life();
                continue;
            };
            leader.kill();
            // The pipe still contains the output from before the kill, which can show why the child hung.
            while let Ok(line) = lines.recv_timeout(STRAGGLERS) {
                if self.output.len() < 2 * MOST_OUTPUT {
                    self.take(&line);
                }
            }
            return Ok(ending);
        }
    }

    fn take(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
        match self.echo {
            Echo::All => println!("{line}"),
            Echo::Only(wanted) if wanted(line) => println!("  {line}"),
            Echo::Only(_) | Echo::Nothing => return,
        }
        self.shown = Instant::now();
    }

    fn sign_of_life(&mut self) {
        if self.shown.elapsed() >= SIGN_OF_LIFE {
            let elapsed = self.started.elapsed().as_secs();
            eprintln!("  … {} goes on, {elapsed} s so far", self.what);
            self.shown = Instant::now();
        }
    }
}

/// Sends every line without its line ending. Bytes that are not UTF-8 are replaced.
fn send_lines(reader: PipeReader, lines: &SyncSender<String>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        if lines.send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn shell_runs(script: &str, deadline: Duration) -> Captured {
        run(shell(script), "the shell", deadline, Echo::Nothing).unwrap()
    }

    #[test]
    fn both_streams_come_back_in_the_order_in_which_they_were_written() {
        let captured = shell_runs("echo one; echo two >&2; printf three", AMPLE);
        assert_eq!(captured.output, "one\ntwo\nthree\n");
        assert_eq!(captured.ending.problem(), None);
    }

    #[test]
    fn an_exit_code_is_named() {
        let problem = shell_runs("exit 3", AMPLE).ending.problem();
        assert_eq!(problem.as_deref(), Some("it exited with code 3"));
    }

    #[test]
    fn a_child_that_passes_its_deadline_is_killed_and_its_output_kept() {
        let captured = shell_runs("echo before; sleep 600", Duration::from_millis(300));
        assert_eq!(captured.output, "before\n");
        assert!(matches!(captured.ending, Ending::PassedDeadline(_)));
    }

    #[test]
    fn the_children_of_a_child_die_with_it() {
        let captured = shell_runs("sleep 600 & echo $!; wait", Duration::from_millis(300));
        assert!(matches!(captured.ending, Ending::PassedDeadline(_)));
        assert_gone(captured.output.trim());
    }

    #[test]
    fn a_child_that_leaves_a_straggler_behind_ends_all_the_same() {
        let captured = shell_runs("sleep 600 & echo $!", AMPLE);
        assert_eq!(captured.ending.problem(), None);
        assert_gone(captured.output.trim());
    }

    #[test]
    fn a_child_that_closes_its_output_is_still_under_the_deadline() {
        let captured = shell_runs("exec >&- 2>&-; sleep 600", Duration::from_millis(300));
        assert!(matches!(captured.ending, Ending::PassedDeadline(_)));
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let result = run(Command::new("no-such-program-here"), "it", AMPLE, Echo::Nothing);
        let message = format!("{:#}", result.unwrap_err());
        assert!(message.contains("no-such-program-here"), "{message}");
    }

    fn assert_gone(process: &str) {
        let since = Instant::now();
        // A killed process exists until its new parent collects it.
        while alive(process) {
            assert!(since.elapsed() < AMPLE, "process {process} is still there");
            std::thread::sleep(TICK);
        }
    }

    fn alive(process: &str) -> bool {
        if std::path::Path::new("/proc/self/stat").exists() {
            // The state follows the name in parentheses. Z means that the process is dead but not collected.
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            return stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'));
        }
        let kill = shell(&format!("kill -0 {process} 2>/dev/null")).status();
        kill.unwrap().success()
    }
}

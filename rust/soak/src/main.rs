//! The soak run: many clients make random exchanges with the embedded server. It checks every body, and that the memory does not
//! grow. `cargo xtask soak` builds and starts it.
//!
//! ```text
//! plan       the next exchange, and its expected result
//! player     one client, which makes one exchange after the other
//! tally      the results of all exchanges, and the memory over time
//! footprint  the memory for idle clients and large bodies (with --memory)
//! server     the embedded server, in its own process
//! bare_loop  a separate program: the loop that the benchmark compares with
//! ```

mod footprint;
mod plan;
mod player;
mod process;
mod server;
mod tally;

use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use http_client::{HttpClient, Method, Status, TlsOptions};

use crate::plan::Random;
use crate::player::{Player, Step, Verdict};
use crate::server::{Addresses, Server, serve};
use crate::tally::{Memory, Tally};

/// Makes random exchanges with the embedded server with many clients, and checks every body and the memory.
#[derive(Parser)]
#[command(name = "cargo xtask soak", bin_name = "cargo xtask soak")]
struct Arguments {
    /// The duration in minutes.
    #[arg(long, value_name = "N", default_value_t = 30.0)]
    minutes: f64,
    /// The seed of the random exchanges. By default, they differ every time.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The number of clients that one thread polls.
    #[arg(long, value_name = "N", default_value_t = 300)]
    clients: usize,
    /// Instead, measure the memory of idle clients and of bodies of 2 GiB.
    #[arg(long)]
    memory: bool,
    /// Instead, test sessions and nodes in Godot, which `cargo xtask` starts.
    #[arg(long, conflicts_with_all = ["clients", "memory"])]
    sessions: bool,
    /// Run as the server of a soak run.
    #[arg(long, hide = true)]
    serve: bool,
}

/// The number of clients in blocking mode. Each has its own thread, and another thread closes it now and then.
const BLOCKING_CLIENTS: usize = 8;

/// The time between two samples of the process's memory.
const SAMPLE: Duration = Duration::from_millis(500);

/// The size of the block that the server repeats in bodies.
const BLOCK: usize = 1 << 20;

/// The exit code is 1 if a body was wrong, an exchange had a wrong result, or the memory grew.
fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether everything was right.
fn run(arguments: &Arguments) -> Result<bool> {
    if !cfg!(target_os = "linux") {
        bail!("the numbers of memory, files and threads are read from /proc, which only Linux has");
    }
    if arguments.sessions {
        bail!("sessions and nodes need Godot; start the run with `cargo xtask soak --sessions`");
    }
    process::allow_many_files();
    if arguments.serve {
        return serve().map(|()| true);
    }
    let server = Server::start()?;
    if arguments.memory { measure(&server.addresses) } else { soak(arguments, &server.addresses) }
}

fn measure(addresses: &Addresses) -> Result<bool> {
    let costs = footprint::measure(addresses)?;
    println!("commit {}\n", commit());
    println!("| resident memory of | measured | limit | |\n| --- | ---: | ---: | --- |");
    costs.iter().for_each(|cost| println!("{}", cost.row()));
    Ok(!costs.iter().any(footprint::Cost::is_too_high))
}

fn soak(arguments: &Arguments, addresses: &Addresses) -> Result<bool> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    let seed = arguments.seed.unwrap_or(clock % 1_000_000);
    let length = Duration::from_secs_f64(arguments.minutes.max(0.01) * 60.0);
    eprintln!("soak: seed {seed}, {} minutes", arguments.minutes);
    let block = block(addresses).context("cannot get the block that bodies are made of")?;
    let before = (process::open_files()?, process::threads()?);
    // Read at the start, because somebody may change the checkout during the run.
    let commit = commit();

    let started = Instant::now();
    let stop = AtomicBool::new(false);
    let mut memory = Memory::default();
    let mut tally = thread::scope(|scope| -> Result<Tally> {
        let mut random = Random::new(seed);
        let blocking: Vec<Player> = (0..BLOCKING_CLIENTS as u64)
            .map(|index| Player::new(addresses.clone(), block.clone(), &mut Random::new(seed ^ index << 32), true))
            .collect();
        let closers: Vec<_> = blocking.iter().map(Player::closer).collect();
        let mut workers = Vec::new();
        for (index, player) in blocking.into_iter().enumerate() {
            let (stop, mut random) = (&stop, Random::new(seed ^ (index as u64 + 1) << 40));
            workers.push(scope.spawn(move || play_alone(player, &mut random, stop)));
        }
        let polled = {
            let (stop, block, clients) = (&stop, block.clone(), arguments.clients);
            let mut random = Random::new(random.next());
            scope.spawn(move || play_many(addresses, &block, clients, &mut random, stop))
        };
        while started.elapsed() < length && !polled.is_finished() {
            thread::sleep(SAMPLE);
            let (closer, client) = &closers[random.below(closers.len() as u64) as usize];
            closer.close(client);
            memory.note(started.elapsed(), process::resident()?);
        }
        stop.store(true, Ordering::Release);
        while workers.iter().any(|worker| !worker.is_finished()) {
            closers.iter().for_each(|(closer, client)| closer.close(client));
            thread::sleep(Duration::from_millis(10));
        }
        let mut tally = polled.join().map_err(|_| anyhow::anyhow!("the polling thread panicked"))?;
        for worker in workers {
            tally.merge(worker.join().map_err(|_| anyhow::anyhow!("a blocking thread panicked"))?);
        }
        Ok(tally)
    })?;
    let took = started.elapsed();
    ensure!(tally.exchanges() > 0, "no exchange was completed");

    // The threads that resolve names and read certificates remain. Sockets do not.
    let after = (process::open_files()?, process::threads()?);
    if after.0 > before.0 {
        tally.add("open files", Verdict::Mismatch(format!("{} before, {} after", before.0, after.0)));
    }
    print_summary(&commit, arguments, seed, took, &tally, &memory, (before, after));
    Ok(tally.wrong() == 0 && memory.has_grown(per_client(arguments, &tally)) != Some(true))
}

/// Polls many clients in turn, as a game does once per frame.
fn play_many(
    addresses: &Addresses,
    block: &Arc<[u8]>,
    clients: usize,
    random: &mut Random,
    stop: &AtomicBool,
) -> Tally {
    let mut tally = Tally::default();
    let mut players: Vec<Player> =
        (0..clients).map(|_| Player::new(addresses.clone(), block.clone(), random, false)).collect();
    while !stop.load(Ordering::Acquire) {
        let mut rests = true;
        for player in &mut players {
            rests &= !turn(player, random, &mut tally);
        }
        if rests {
            thread::sleep(Duration::from_millis(1));
        }
    }
    tally
}

fn play_alone(mut player: Player, random: &mut Random, stop: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    while !stop.load(Ordering::Acquire) {
        if !turn(&mut player, random, &mut tally) {
            thread::sleep(Duration::from_micros(200));
        }
    }
    tally
}

/// Makes one call. Returns whether it made progress.
fn turn(player: &mut Player, random: &mut Random, tally: &mut Tally) -> bool {
    match player.step() {
        Step::Waiting => false,
        Step::Progress => true,
        Step::Finished(verdict) => {
            let kind = player.plan.kind;
            player.next_plan(random, &verdict);
            tally.add(kind, verdict);
            true
        }
    }
}

/// The bytes that the server repeats. The server's checksum confirms them.
fn block(addresses: &Addresses) -> Result<Arc<[u8]>> {
    let fetch = |target: &str| -> Result<Vec<u8>> {
        let client = HttpClient::default();
        client.set_blocking_mode(true);
        client.connect_to_host("127.0.0.1", addresses.http.port().into(), false, &TlsOptions::default())?;
        while client.status() < Status::Connected {
            client.poll()?;
        }
        client.request(Method::Get, target, &[], Box::new(Vec::new()))?;
        while client.status() == Status::Requesting {
            client.poll()?;
        }
        let mut body = Vec::new();
        while client.status() == Status::Body {
            body.extend(client.read_response_body_chunk::<Vec<u8>>()?);
        }
        Ok(body)
    };
    let block = fetch(&format!("/bytes/{BLOCK}"))?;
    let promised: serde_json::Value = serde_json::from_slice(&fetch(&format!("/crc/{BLOCK}"))?)?;
    ensure!(block.len() == BLOCK && promised["crc32"] == crc32fast::hash(&block), "the server's checksum is different");
    Ok(block.into())
}

fn print_summary(
    commit: &str,
    arguments: &Arguments,
    seed: u64,
    took: Duration,
    tally: &Tally,
    memory: &Memory,
    (before, after): ((usize, usize), (usize, usize)),
) {
    println!("{}", tally.table());
    println!(
        "- {:.1} minutes, seed {seed}, commit {commit}; {} polled clients and {BLOCKING_CLIENTS} in blocking threads",
        took.as_secs_f64() / 60.0,
        arguments.clients,
    );
    println!("- {} exchanges, {} mismatches", tally.exchanges(), tally.wrong());
    let (middle, end) = memory.middle_and_end();
    let verdict = match memory.has_grown(per_client(arguments, tally)) {
        Some(true) => "**grown**",
        Some(false) => "flat",
        None => "not judged, because the run was too short",
    };
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "- resident memory {verdict}: {:.1} MiB in the third sixth of the run, {:.1} MiB in the last sixth \
         (medians of all sixths: {} MiB)",
        mib(middle),
        mib(end),
        memory.course()
    );
    println!("- open files {} before and {} after, threads {} and {}", before.0, after.0, before.1, after.1);
    tally.mismatches.iter().for_each(|what| println!("- mismatch: {what}"));
}

fn per_client(arguments: &Arguments, tally: &Tally) -> u64 {
    tally.exchanges() / (arguments.clients + BLOCKING_CLIENTS) as u64
}

/// The tested commit, as git describes it.
fn commit() -> String {
    let described = Command::new("git")
        .args(["describe", "--always", "--dirty=, with changes", "--abbrev=10"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output();
    match described {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_call_of_the_soak_in_the_texts_is_one_that_there_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut count = 0;
        for name in ["README.md", "CONTRIBUTING.md", "docs/reliability.md", "docs/security.md"] {
            let text = std::fs::read_to_string(root.join(name)).unwrap();
            for call in text.split("cargo xtask soak").skip(1) {
                let options = call.split(['`', '\n', '#']).next().unwrap_or_default();
                let words = std::iter::once("soak").chain(options.split_whitespace());
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{name}: {error}");
                }
                count += 1;
            }
        }
        assert!(count >= 3, "{count} calls were found");
    }
}

//! Measures the limit of the machine and the server: a loop that only sends and receives makes the benchmark's small requests.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

/// Makes the benchmark's small requests. Prints requests per second, and requests per second of processor time.
#[derive(Parser)]
struct Arguments {
    /// Whether all requests use one connection, and how the loop waits for an answer.
    #[arg(value_enum)]
    kind: Kind,
    /// The server's address.
    address: String,
    /// The target of the requests.
    target: String,
    /// The number of requests.
    count: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// One connection. The thread sleeps until bytes arrive.
    KeepAlive,
    /// One connection. The thread polls without a pause, as a script does.
    Polling,
    /// One connection per request.
    NewConnections,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare-loop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n\r\n", arguments.target, arguments.address);
    let mut stream = connect(arguments)?;
    let expected = length_of_reply(&mut stream, &request)?;

    stream.set_nonblocking(arguments.kind == Kind::Polling)?;
    let began = Instant::now();
    let busy = processor_seconds()?;
    for _ in 0..arguments.count {
        if arguments.kind == Kind::NewConnections {
            stream = connect(arguments)?;
        }
        exchange(&mut stream, &request, expected)?;
    }
    let count = f64::from(arguments.count);
    let rate = count / began.elapsed().as_secs_f64();
    println!("{rate} {}", count / (processor_seconds()? - busy));
    Ok(())
}

fn connect(arguments: &Arguments) -> Result<TcpStream> {
    let stream = TcpStream::connect(&arguments.address).context("cannot connect to the server")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Every reply to the same request has the same length, so the loop need not parse the replies.
fn length_of_reply(stream: &mut TcpStream, request: &str) -> Result<usize> {
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece)?;
        ensure!(count > 0, "the server ended the connection");
        reply.extend_from_slice(&piece[..count]);
        let Some(head) = reply.windows(4).position(|window| window == b"\r\n\r\n").map(|start| start + 4) else {
            continue;
        };
        let length = String::from_utf8_lossy(&reply[..head])
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok())
            .context("the reply has no length")?;
        if reply.len() == head + length {
            return Ok(reply.len());
        }
    }
}

fn exchange(stream: &mut TcpStream, request: &str, expected: usize) -> Result<()> {
    stream.write_all(request.as_bytes())?;
    let mut buffer = [0; 64 * 1024];
    let mut received = 0;
    while received < expected {
        match stream.read(&mut buffer) {
            Ok(0) => bail!("the server ended the connection"),
            Ok(count) => received += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The processor time of this thread.
fn processor_seconds() -> Result<f64> {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").context("the system does not report processor time")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

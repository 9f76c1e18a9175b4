//! Two ends of a stream, connected in memory. Tests can drive a link and a scripted server without a socket or a thread.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ready::{Interest, Wait};
use crate::transport::{Probe, Stream};

/// One end of the stream. The other end reads what is written here.
#[derive(Debug)]
pub struct MemoryStream {
    pipes: Arc<Mutex<[Pipe; 2]>>,
    /// The index of the pipe that this end writes to.
    side: usize,
}

struct Pipe {
    bytes: VecDeque<u8>,
    /// The maximum number of bytes in the pipe.
    room: usize,
    end: Option<End>,
}

/// Omits the bytes.
impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({} bytes, {:?})", self.bytes.len(), self.end)
    }
}

#[derive(Clone, Copy, Debug)]
enum End {
    Clean,
    Reset,
}

/// Creates two connected ends. Each direction holds up to `room` bytes before a write would block.
pub fn pair(room: usize) -> (MemoryStream, MemoryStream) {
    let pipe = || Pipe { bytes: VecDeque::new(), room, end: None };
    let pipes = Arc::new(Mutex::new([pipe(), pipe()]));
    (MemoryStream { pipes: pipes.clone(), side: 0 }, MemoryStream { pipes, side: 1 })
}

impl MemoryStream {
    /// Writes all of `bytes`, even if there is not enough space.
    pub fn push(&self, bytes: &[u8]) {
        self.lock()[self.side].bytes.extend(bytes);
    }

    /// Takes all data that has arrived.
    pub fn take(&self) -> Vec<u8> {
        self.lock()[1 - self.side].bytes.drain(..).collect()
    }

    /// Ends this direction. The other end reads the remaining data and then the end.
    pub fn finish(&self) {
        self.lock()[self.side].end.get_or_insert(End::Clean);
    }

    /// Resets both directions. The other end reads the remaining data and then the error.
    pub fn reset(&self) {
        self.lock().iter_mut().for_each(|pipe| pipe.end = Some(End::Reset));
    }

    fn lock(&self) -> MutexGuard<'_, [Pipe; 2]> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Stream for MemoryStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let pipe = &mut self.lock()[1 - self.side];
        if pipe.bytes.is_empty() && !buffer.is_empty() {
            return match pipe.end {
                None => Err(io::ErrorKind::WouldBlock.into()),
                Some(End::Clean) => Ok(0),
                Some(End::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
            };
        }
        let count = buffer.len().min(pipe.bytes.len());
        for (place, byte) in buffer.iter_mut().zip(pipe.bytes.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let pipe = &mut self.lock()[self.side];
        if pipe.end.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = pipe.room.saturating_sub(pipe.bytes.len());
        let count = room.min(head.len() + body.len());
        if count == 0 && !(head.is_empty() && body.is_empty()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        pipe.bytes.extend(head.iter().chain(body).take(count));
        Ok(count)
    }

    fn probe(&mut self) -> io::Result<Probe> {
        let pipe = &self.lock()[1 - self.side];
        match pipe.end {
            _ if !pipe.bytes.is_empty() => Ok(Probe::Data),
            None => Ok(Probe::Quiet),
            Some(End::Clean) => Ok(Probe::End),
            Some(End::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn wait_for(&self, interest: Interest, wait: &mut Wait) {
        let pipes = self.lock();
        let [written, read] = [&pipes[self.side], &pipes[1 - self.side]];
        let readable = !read.bytes.is_empty() || read.end.is_some();
        let writable = written.bytes.len() < written.room || written.end.is_some();
        let is_ready = match interest {
            Interest::Read => readable,
            Interest::Write => writable,
            Interest::Both => readable || writable,
        };
        if is_ready {
            wait.now();
        }
    }

    fn waiting(&mut self) -> Option<usize> {
        Some(self.lock()[1 - self.side].bytes.len())
    }
}

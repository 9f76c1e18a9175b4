//! Bodies of answers. They are sent in pieces, with a pause before each piece if the request asks for one.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::content::{BLOCK, block};

/// The size of the pieces of a slow body, in bytes.
const SLOW_PIECE: usize = 64 << 10;

/// A body whose pieces come from a function, until it returns `None`.
pub(crate) struct Pieces {
    next: Box<dyn FnMut() -> Option<Bytes> + Send>,
    /// A known length is sent as `Content-Length`. Without one, each piece is sent as a chunk.
    length: Option<u64>,
    delay: Duration,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Pieces {
    /// A body with a single piece.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Pieces {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        let mut piece = Some(bytes).filter(|bytes| !bytes.is_empty());
        Pieces::new(Some(length), Duration::ZERO, move || piece.take())
    }

    /// `length` bytes of the repeated block, from static memory. With a delay, the pieces have 64 KiB, otherwise up to 1 MiB.
    pub(crate) fn repeated_block(length: u64, delay: Duration) -> Pieces {
        let largest = if delay.is_zero() { BLOCK } else { SLOW_PIECE };
        let mut sent = 0;
        Pieces::new(Some(length), delay, move || {
            let start = (sent % BLOCK as u64) as usize;
            // A piece does not cross the end of the block. Pieces of both sizes end there exactly.
            let size = (length - sent).min(largest as u64) as usize;
            sent += size as u64;
            (size > 0).then(|| block().slice(start..start + size))
        })
    }

    /// A chunked body with one chunk per line of text.
    pub(crate) fn lines(count: u64, delay: Duration) -> Pieces {
        let mut lines = 1..=count;
        Pieces::new(None, delay, move || lines.next().map(|line| format!("line {line} of {count}\n").into()))
    }

    /// A chunked body with one chunk per piece.
    pub(crate) fn chunks(pieces: Vec<Bytes>, delay: Duration) -> Pieces {
        let mut pieces = pieces.into_iter();
        Pieces::new(None, delay, move || pieces.next())
    }

    /// The remaining length, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether there is a pause before each piece.
    pub(crate) fn is_paced(&self) -> bool {
        !self.delay.is_zero()
    }

    fn new(length: Option<u64>, delay: Duration, next: impl FnMut() -> Option<Bytes> + Send + 'static) -> Pieces {
        Pieces { next: Box::new(next), length, delay, pause: None }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if !self.delay.is_zero() {
            let delay = self.delay;
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(delay)));
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let piece = (self.next)();
        if let (Some(length), Some(piece)) = (&mut self.length, &piece) {
            *length -= piece.len() as u64;
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

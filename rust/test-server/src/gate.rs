//! Lends a connection to hyper for one exchange and takes it back.
//!
//! hyper is made to keep a connection until its end. Here the next request on the same connection
//! may be one whose answer hyper would not write (see [`crate::by_hand`]). So hyper gets the stream
//! behind a gate: it reads one request through it, and as soon as the answer has been flushed the
//! gate looks to hyper like a client that has ended, while the stream itself stays open. A hyper
//! that never comes to read this end did not want to keep the connection.

use std::cell::Cell;
use std::io::{self, Cursor, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use hyper::Request;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Chain, ReadBuf, Take};

use crate::body::Pieces;
use crate::connection::Transport;
use crate::head::{MAX_FIELDS, RequestHead};
use crate::routes;

/// Bytes of hyper's buffers: a head of the largest size fits.
const HYPER_BUFFER: usize = 1 << 20;

/// A connection that hyper gave back after an answer.
pub(crate) struct Returned<S> {
    pub(crate) stream: S,
    /// What was read of the next request.
    pub(crate) ahead: BytesMut,
    pub(crate) keep_alive: bool,
}

/// Answers one request. `ahead` holds what was read so far: the head, and perhaps more. `head` is
/// `None` if it was not understood, which hyper then says to the client.
pub(crate) async fn one_exchange<S: Transport>(
    stream: S,
    ahead: BytesMut,
    head_length: usize,
    head: Option<RequestHead>,
) -> Result<Returned<S>, hyper::Error> {
    // hyper may read this far and no further, so that a pipelined request stays on our side. Where
    // a chunked body ends only hyper finds out: behind one of those nothing can be pipelined.
    let body_length = head.as_ref().map_or(Some(0), RequestHead::body_length);
    let visible = body_length.map_or(u64::MAX, |length| length.saturating_add(head_length as u64));
    let answered = Arc::new(AtomicBool::new(false));
    let gate = Gate {
        input: Cursor::new(ahead.freeze()).chain(stream).take(visible),
        answered: Arc::clone(&answered),
        flushed: false,
        end_was_read: false,
        reader: None,
    };
    let request_head = Cell::new(head);
    let service = service_fn(move |request: Request<Incoming>| {
        let head = request_head.take();
        let answered = Answered(Arc::clone(&answered));
        // Pinned, because a connection is given back only by a service whose futures can be moved.
        Box::pin(async move {
            let head = head.ok_or_else(|| io::Error::other("a second request behind a chunked body"))?;
            let response = routes::answer(head, request).await?;
            Ok::<_, io::Error>(response.map(|pieces| Watched { pieces, _answered: answered }))
        })
    });
    let mut connection = hyper::server::conn::http1::Builder::new()
        .title_case_headers(true)
        .max_headers(MAX_FIELDS)
        .max_buf_size(HYPER_BUFFER)
        .serve_connection(TokioIo::new(gate), service);
    std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await?;
    let parts = connection.into_parts();
    let gate = parts.io.into_inner();
    let (unread, stream) = gate.input.into_inner().into_inner();
    let mut ahead = BytesMut::from(&parts.read_buf[..]);
    ahead.extend_from_slice(&unread.get_ref()[unread.position() as usize..]);
    Ok(Returned { stream, ahead, keep_alive: gate.end_was_read })
}

/// The stream as hyper sees it.
struct Gate<S> {
    input: Take<Chain<Cursor<Bytes>, S>>,
    /// Set when hyper has taken the last piece of the answer.
    answered: Arc<AtomicBool>,
    /// Whether everything that hyper wrote has left, the answer included.
    flushed: bool,
    end_was_read: bool,
    reader: Option<Waker>,
}

impl<S: Transport> Gate<S> {
    fn stream(&mut self) -> Pin<&mut S> {
        Pin::new(self.input.get_mut().get_mut().1)
    }
}

impl<S: Transport> AsyncRead for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.flushed {
            self.end_was_read = true;
            return Poll::Ready(Ok(()));
        }
        self.reader = Some(context.waker().clone());
        if self.input.limit() == 0 {
            return Poll::Pending;
        }
        Pin::new(&mut self.input).poll_read(context, buffer)
    }
}

impl<S: Transport> AsyncWrite for Gate<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.input.get_ref().get_ref().1.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.stream().poll_flush(context)?;
        // hyper flushes the stream only when its own buffer is empty.
        if flushed.is_ready() && !self.flushed && self.answered.load(Ordering::Acquire) {
            self.flushed = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        flushed.map(Ok)
    }

    /// The end of the connection is for its owner to send.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// The answer's body; dropping it is how hyper says that it has taken everything.
struct Watched {
    pieces: Pieces,
    _answered: Answered,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = <Pieces as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.pieces).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.pieces.size_hint()
    }
}

struct Answered(Arc<AtomicBool>);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

//! One connection of the `hyper` or `hyper_tls` listener. hyper reads all requests and writes all answers of the common routes.

use std::io;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;

use crate::body::Pieces;
use crate::head::{MAX_FIELDS, RequestHead};
use crate::received::Receiver;
use crate::routes;
use crate::stream::Transport;

/// The size of hyper's buffers, in bytes. The largest head fits in them.
const BUFFER: usize = 1 << 20;

/// Serves the connection until either side ends it.
///
/// # Errors
/// Errors of hyper. The caller ignores them, because the client is gone or broke the protocol.
pub(crate) async fn serve(stream: impl Transport) -> io::Result<()> {
    http1::Builder::new()
        .title_case_headers(true)
        .max_headers(MAX_FIELDS)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await
        .map_err(io::Error::other)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Pieces>, hyper::Error> {
    let head = head_of(&request);
    let mut receiver = Receiver::new(&head);
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        // The trailers of a request are ignored.
        if let Ok(piece) = frame?.into_data() {
            receiver.add(&piece);
        }
    }
    Ok(routes::answer(&head, &receiver.finish()).await)
}

/// The head of a request from hyper. hyper does not tell how the names of fields were spelled.
fn head_of(request: &Request<Incoming>) -> RequestHead {
    let latin1 = |value: &[u8]| value.iter().copied().map(char::from).collect();
    RequestHead {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        version: if request.version() == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
        fields: request.headers().iter().map(|(name, value)| (name.to_string(), latin1(value.as_bytes()))).collect(),
    }
}

//! The head of a request exactly as it was sent, and the parameters in its target.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;

/// The largest number of fields in a request, for both kinds of servers.
pub(crate) const MAX_FIELDS: usize = 4096;

/// Nearly every request has at most this number of fields.
const USUAL_FIELDS: usize = 64;

/// The head of a request, with the names, values and order of the fields as sent.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) method: String,
    pub(crate) target: String,
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub(crate) version: &'static str,
    /// Values are decoded as Latin-1, which loses no information.
    pub(crate) fields: Vec<(String, String)>,
}

impl RequestHead {
    /// Parses a complete head. `None` if it is not HTTP/1.
    pub(crate) fn parse(bytes: &[u8]) -> Option<RequestHead> {
        // Most heads are small, and room for the largest one costs more than the whole exchange.
        match RequestHead::parse_into(bytes, &mut [httparse::EMPTY_HEADER; USUAL_FIELDS]) {
            Err(httparse::Error::TooManyHeaders) => {
                RequestHead::parse_into(bytes, &mut vec![httparse::EMPTY_HEADER; MAX_FIELDS]).ok()?
            }
            parsed => parsed.ok()?,
        }
    }

    fn parse_into<'a>(
        bytes: &'a [u8],
        slots: &mut [httparse::Header<'a>],
    ) -> Result<Option<RequestHead>, httparse::Error> {
        let mut request = httparse::Request::new(slots);
        if !request.parse(bytes)?.is_complete() {
            return Ok(None);
        }
        let latin1 = |value: &[u8]| value.iter().copied().map(char::from).collect();
        let (Some(method), Some(target), Some(minor_version)) = (request.method, request.path, request.version) else {
            return Ok(None);
        };
        Ok(Some(RequestHead {
            method: method.to_owned(),
            target: target.to_owned(),
            version: if minor_version == 0 { "HTTP/1.0" } else { "HTTP/1.1" },
            fields: request.headers.iter().map(|field| (field.name.to_owned(), latin1(field.value))).collect(),
        }))
    }

    /// The path without the query. A proxy gets targets in absolute form. In these, it is the part after the authority.
    pub(crate) fn path(&self) -> &str {
        self.split_target().0
    }

    /// The parameters after the `?`.
    pub(crate) fn query(&self) -> Query {
        let pairs = self.split_target().1.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(v))).collect(),
        )
    }

    /// The value of the first field with this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.as_str())
    }

    /// Whether a list field, such as `Connection`, has this member.
    pub(crate) fn has_token(&self, name: &str, token: &str) -> bool {
        let values = self.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
        values.flat_map(|field| field.1.split(',')).any(|member| member.trim().eq_ignore_ascii_case(token))
    }

    /// How many bytes follow the head, if the head alone can tell. `None` for a chunked body.
    pub(crate) fn body_length(&self) -> Option<u64> {
        if self.field("transfer-encoding").is_some() {
            return None;
        }
        Some(self.field("content-length").and_then(|value| value.trim().parse().ok()).unwrap_or(0))
    }

    /// The length of the body, or how its end is found (RFC 9112, section 6.3). `None` if the head contradicts itself.
    pub(crate) fn framing(&self) -> Option<Framing> {
        let values = |name: &str| {
            let name = name.to_owned();
            self.fields.iter().filter(move |field| field.0.eq_ignore_ascii_case(&name)).map(|field| field.1.trim())
        };
        if let Some(coding) = values("transfer-encoding").next() {
            let is_chunked = coding.eq_ignore_ascii_case("chunked") && values("transfer-encoding").count() == 1;
            return is_chunked.then_some(Framing::Chunked);
        }
        let mut lengths = values("content-length");
        let Some(length) = lengths.next() else { return Some(Framing::Length(0)) };
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        length.parse().ok().filter(|_| is_number && lengths.all(|other| other == length)).map(Framing::Length)
    }

    /// Whether the client may send another request (RFC 9112, section 9.3). The old rules of HTTP/1.0 are not supported.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.version == "HTTP/1.1" && !self.has_token("connection", "close")
    }

    fn split_target(&self) -> (&str, &str) {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let Some((_, after_scheme)) = path.split_once("://") else { return (path, query) };
        (after_scheme.find('/').map_or("/", |slash| &after_scheme[slash..]), query)
    }
}

/// Where the body after a head ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this number of bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
}

/// The parameters of a target, percent-decoded. If a name repeats, the first one counts.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// The number with this name, or `default` if it is missing or not a number.
    pub(crate) fn number<N: FromStr>(&self, name: &str, default: N) -> N {
        self.text(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.number(name, 0_u8) == 1
    }

    /// The milliseconds with this name. At most a minute.
    pub(crate) fn millis(&self, name: &str, default: u64) -> Duration {
        Duration::from_millis(self.number(name, default).min(60_000))
    }
}

/// The position after the head in `bytes`, which is the one after the blank line. `None` if the head is incomplete. `from` is
/// where an earlier search stopped.
pub(crate) fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    // The blank line can begin up to three bytes before the new bytes.
    let mut position = from.saturating_sub(3);
    while let Some(line_end) = bytes[position..].iter().position(|&byte| byte == b'\n') {
        position += line_end + 1;
        match bytes[position..] {
            [b'\n', ..] => return Some(position + 1),
            [b'\r', b'\n', ..] => return Some(position + 2),
            _ => {}
        }
    }
    None
}

/// Reads one head from the socket, and no byte after it. `None` if the client has closed the connection or sent more than `limit`
/// bytes.
///
/// The following bytes stay in the kernel. If the socket is closed then, the kernel sends a reset, as it does on a busy server.
pub(crate) async fn take_only_the_head(stream: &mut TcpStream, limit: usize) -> io::Result<Option<Vec<u8>>> {
    use tokio::io::AsyncReadExt;

    let mut head = Vec::new();
    let mut window = vec![0; 64 << 10];
    while head.len() < limit {
        let seen = stream.peek(&mut window).await?;
        if seen == 0 {
            return Ok(None);
        }
        let before = head.len();
        head.extend_from_slice(&window[..seen]);
        let end = end_of_head(&head, before);
        head.truncate(end.unwrap_or(head.len()));
        stream.read_exact(&mut window[..head.len() - before]).await?;
        if end.is_some() {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_wherever_the_reads_were_split() {
        for head in [&b"GET / HTTP/1.1\r\nA: b\r\n\r\n"[..], b"GET / HTTP/1.1\nA: b\n\n"] {
            let stream = [head, b"body\r\n\r\n"].concat();
            for split in 0..head.len() {
                assert_eq!(end_of_head(&stream[..split], 0), None);
                assert_eq!(end_of_head(&stream, split), Some(head.len()), "split at {split}");
            }
        }
    }

    #[test]
    fn a_body_ends_by_its_length_or_its_chunks_and_a_contradiction_is_none() {
        let framing =
            |fields: &str| RequestHead::parse(format!("POST / HTTP/1.1\r\n{fields}\r\n").as_bytes()).unwrap().framing();
        assert_eq!(framing(""), Some(Framing::Length(0)));
        assert_eq!(framing("Content-Length: 7\r\nContent-Length: 7\r\n"), Some(Framing::Length(7)));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\nContent-Length: 7\r\n"), Some(Framing::Chunked));
        for wrong in
            ["Content-Length: 7\r\nContent-Length: 8\r\n", "Content-Length: +7\r\n", "Transfer-Encoding: gzip\r\n"]
        {
            assert_eq!(framing(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_target_with_an_authority_has_the_path_behind_it() {
        let head = RequestHead::parse(b"GET http://localhost:80/reply?to=%2Fa&flag HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(head.path(), "/reply");
        assert_eq!(head.query().text("to"), Some("/a"));
        assert_eq!(head.query().text("flag"), Some(""));
    }
}

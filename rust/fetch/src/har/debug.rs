//! The debug form of an exchange: names and lengths, and nothing that may be a secret. Recordings of other programs are not redacted.

use std::fmt;

use super::{Content, Entry, Request, Response};

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("number", &self.number)
            .field("request", &self.request)
            .field("response", &self.response)
            .field("timings", &self.timings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url_len", &self.url.len())
            .field("headers", &Lengths(&self.headers))
            .field("body", &self.body)
            .finish()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &Lengths(&self.headers))
            .field("content", &self.content)
            .field("wire_size", &self.wire_size)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("is_there", &self.bytes.is_some())
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Prints names and the lengths of values.
struct Lengths<'a>(&'a [(String, String)]);

impl fmt::Debug for Lengths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, value)| (name, value.len()))).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::{End, Failure, FailureKind, Timings};
    use super::*;

    #[test]
    fn the_debug_form_of_an_entry_has_names_and_lengths_and_no_value() {
        let headers = vec![("X-Api-Key".to_owned(), "s3cret".to_owned())];
        let content = Content::of("text/plain; s3cret", b"s3cret".to_vec());
        let entry = Entry {
            number: Some(1),
            base_url: "https://me:s3cret@a/".to_owned(),
            started: SystemTime::UNIX_EPOCH,
            request: Request {
                method: "GET".to_owned(),
                url: "https://a/?token=s3cret".to_owned(),
                headers: headers.clone(),
                body: Some(content.clone()),
            },
            response: Some(Response { status: 200, reason: "s3cret".to_owned(), headers, content, wire_size: None }),
            timings: Timings::default(),
            tls: None,
            end: End::Failed(Failure {
                kind: FailureKind::Reset,
                sentence: "s3cret".to_owned(),
                limit: Duration::ZERO,
            }),
        };
        let shown = format!("{entry:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("115, 51"), "{shown}");
        assert!(shown.contains("\"X-Api-Key\": 6") && shown.contains("size: 6"), "{shown}");
    }
}

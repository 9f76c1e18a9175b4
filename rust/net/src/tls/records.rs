//! Finds the boundaries of TLS records (RFC 8446 §5.1), and limits how many of them one call processes.

/// The length of a record header: type, version, and length of the contents.
const HEADER: usize = 5;
/// The maximum length of the contents in TLS 1.2. TLS 1.3 allows less.
const LONGEST: usize = 16 * 1024 + 2048;
/// The number of received bytes that one call processes in addition to the bytes that it returns: session tickets, empty records, padding.
const OVERHEAD_PER_CALL: usize = 16 * 1024;

/// Returns the length of the first record including its header, or `None` if it has not arrived completely. Bytes that cannot be a record
/// count as one record, so that rustls reports the error.
pub(super) fn first_record(bytes: &[u8]) -> Option<usize> {
    let &[kind, major, _, high, low, ..] = bytes else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    // Types from change_cipher_spec to heartbeat. The major version of every TLS version is 3.
    if !(20..=24).contains(&kind) || major != 3 || length > LONGEST {
        return Some(bytes.len());
    }
    Some(HEADER + length).filter(|record| *record <= bytes.len())
}

/// Counts what one call has processed. A server can send records without data endlessly; this limits how many of them a call processes.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    received: usize,
    given_out: usize,
}

impl Allowance {
    pub(super) fn take(&mut self, received: usize) {
        self.received += received;
    }

    pub(super) fn give_out(&mut self, decrypted: usize) {
        self.given_out += decrypted;
    }

    /// Whether the call should end. A quarter of the returned bytes is allowed for record overhead, which is enough even for servers that
    /// send short records.
    pub(super) fn is_used_up(&self) -> bool {
        self.received > OVERHEAD_PER_CALL + self.given_out + self.given_out / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_once_it_has_all_come() {
        let two = [&[23, 3, 3, 0, 2, 7, 7][..], &[23, 3, 3, 0, 1, 7]].concat();
        for cut in 0..two.len() {
            assert_eq!(first_record(&two[..cut]), (cut >= 7).then_some(7), "{cut}");
        }
        assert_eq!(first_record(&two[7..]), Some(6));
    }

    #[test]
    fn bytes_that_are_no_record_are_not_waited_for() {
        for bytes in [&b"HTTP/1.1 400"[..], &[22, 3, 3, 255, 255], &[23, 2, 0, 0, 1], &[25, 3, 3, 0, 9]] {
            assert_eq!(first_record(bytes), Some(bytes.len()));
        }
    }

    #[test]
    fn what_is_given_out_is_not_overhead() {
        let mut allowance = Allowance::default();
        for _ in 0..1000 {
            allowance.take(1400 + 22);
            allowance.give_out(1400);
        }
        assert!(!allowance.is_used_up());
        allowance.take(OVERHEAD_PER_CALL + 1_000_000);
        assert!(allowance.is_used_up());
    }
}

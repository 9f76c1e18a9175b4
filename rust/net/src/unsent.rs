//! Finds out how many of the bytes written to a socket the system still holds.

use socket2::Socket;

/// Returns the number of bytes that the other end has not acknowledged, or `None` if the system does not report it.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(unsafe_code, reason = "the system call has no safe form")]
pub(crate) fn bytes(socket: &Socket) -> Option<usize> {
    use std::os::fd::AsRawFd;

    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ, which is SIOCOUTQ by another name, writes one int to where it is pointed.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if result == 0 { usize::try_from(count).ok() } else { None }
}

/// Returns the number of bytes in the socket's buffer, or `None` if the system does not report it.
#[cfg(target_vendor = "apple")]
#[allow(unsafe_code, reason = "the system call has no safe form")]
pub(crate) fn bytes(socket: &Socket) -> Option<usize> {
    use std::os::fd::AsRawFd;

    let mut count: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: SO_NWRITE writes one int, for which there is room, and `size` says so.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NWRITE,
            (&raw mut count).cast::<libc::c_void>(),
            &raw mut size,
        )
    };
    if result == 0 { usize::try_from(count).ok() } else { None }
}

/// This system does not report the number of unsent bytes.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(crate) fn bytes(_: &Socket) -> Option<usize> {
    None
}

#[cfg(all(test, any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_a_peer_does_not_read_is_still_held() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        assert_eq!(bytes(&sender.try_clone().unwrap().into()), Some(0));
        sender.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(count) = sender.write(&[1; 65536]) {
            written += count;
        }
        let held = bytes(&sender.try_clone().unwrap().into()).unwrap();
        assert!(held > 0 && held < written, "{held} of {written}");
        receiver.read_exact(&mut vec![0; written]).unwrap();
        assert_eq!(bytes(&sender.into()), Some(0));
    }
}

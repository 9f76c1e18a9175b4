//! rustls configurations. Connections with equal options share one. A worker creates it, because reading the system's authorities takes
//! longer than a frame.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use rustls::client::ClientSessionMemoryCache;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, NamedGroup, RootCertStore};
use rustls_native_certs::{CertificateResult, ErrorKind, load_native_certs};

use super::chain::Counting;
use super::key_share::KeyShares;
use super::options::{TlsOptions, Trust};
use super::sessions;
use super::verifier::Verifier;
use crate::lanes::{Lane, Pending, lock};
use crate::linger::Linger;

/// The data that connections with equal options share.
#[derive(Debug)]
pub(crate) struct Config {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) sessions: Arc<ClientSessionMemoryCache>,
    pub(super) linger: Arc<Linger>,
}

/// A configuration that is being created, or the reason why that failed.
pub(crate) type PendingConfig = Pending<Result<Arc<Config>, Arc<str>>>;

/// The maximum number of configurations. A game needs few.
const KEPT: usize = 32;

/// The configurations of a context.
#[derive(Clone)]
pub(crate) struct Configs(Arc<Shared>);

struct Shared {
    known: Mutex<HashMap<TlsOptions, Known>>,
    /// Loads the system's authorities.
    load: fn() -> CertificateResult,
    /// The authorities of Mozilla and of the system, after they have been read.
    system_roots: Mutex<Option<Arc<RootCertStore>>>,
    key_shares: &'static KeyShares,
    world: World,
}

/// Returns the current date and time.
pub(crate) type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The parts of a context that configurations use.
#[derive(Clone)]
pub(crate) struct World {
    /// The lane that creates the configurations.
    pub(crate) lane: Lane,
    pub(crate) linger: Arc<Linger>,
    /// The clock for the dates of certificates and the lifetimes of sessions.
    pub(crate) wall: WallClock,
}

struct Known {
    config: PendingConfig,
    /// Whether the next connection must create a new configuration, because not all authorities could be read. This is a flag, because the
    /// worker must not take the lock: if the system has no thread left, the worker is the caller, which holds it.
    is_passing: Arc<AtomicBool>,
}

impl Configs {
    pub(crate) fn new(world: World) -> Self {
        Self::with_authorities(world, load_native_certs)
    }

    fn with_authorities(world: World, load: fn() -> CertificateResult) -> Self {
        let (known, system_roots, key_shares) = (Mutex::default(), Mutex::default(), KeyShares::new());
        Self(Arc::new(Shared { known, load, system_roots, key_shares, world }))
    }

    /// Returns the configuration for these options. The caller will soon need a key share, so that is prepared, too.
    pub(crate) fn config(&self, options: &TlsOptions) -> PendingConfig {
        if !options.without_tls13 && !options.without_hybrid {
            self.0.key_shares.prepare(&self.0.world.lane);
        }
        // The name belongs to the connection, not to the configuration.
        let options = TlsOptions { name: None, ..options.clone() };
        let mut known = lock(&self.0.known);
        if let Some(known) = known.get(&options).filter(|known| !known.is_passing.load(Ordering::Acquire)) {
            return known.config.clone();
        }
        if known.len() >= KEPT {
            known.clear();
        }
        let is_passing = Arc::new(AtomicBool::new(false));
        let (shared, wanted, mark) = (self.0.clone(), options.clone(), is_passing.clone());
        let config = self.0.world.lane.spawn(move || {
            let (config, is_final) = shared.make(&wanted);
            mark.store(!is_final, Ordering::Release);
            config
        });
        known.insert(options, Known { config: config.clone(), is_passing });
        config
    }
}

impl Shared {
    /// Returns the configuration, and whether the next connection can use it.
    fn make(&self, options: &TlsOptions) -> (Result<Arc<Config>, Arc<str>>, bool) {
        match &options.trust {
            Trust::System => {
                let (roots, is_final) = self.system_roots();
                (self.make_with(options, roots, Vec::new()), is_final)
            }
            Trust::Pem(pem) => (read_pem(pem).and_then(|(roots, own)| self.make_with(options, roots, own)), true),
        }
    }

    /// Returns the authorities of Mozilla and of the system, without those that cannot be read, and whether the result is final. It is not
    /// final if another attempt may find more.
    fn system_roots(&self) -> (Arc<RootCertStore>, bool) {
        let mut known = lock(&self.system_roots);
        if let Some(roots) = &*known {
            return (roots.clone(), true);
        }
        let loaded = (self.load)();
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(loaded.certs);
        let roots = Arc::new(roots);
        let is_final = !loaded.errors.iter().any(|error| may_pass(&error.kind));
        if is_final {
            *known = Some(roots.clone());
        }
        (roots, is_final)
    }

    fn make_with(
        &self,
        options: &TlsOptions,
        roots: Arc<RootCertStore>,
        own: Vec<CertificateDer<'static>>,
    ) -> Result<Arc<Config>, Arc<str>> {
        let mut provider = aws_lc_rs::default_provider();
        provider.signature_verification_algorithms = Counting::all();
        if options.without_hybrid {
            provider.kx_groups.retain(|group| group.name() != NamedGroup::X25519MLKEM768);
        }
        self.key_shares.offer_in(&mut provider);
        let provider = Arc::new(provider);
        // The first random number of a process takes tens of milliseconds, because the provider gathers entropy. A handshake within a frame
        // must not wait for that. If it fails here, the handshake fails too and reports it.
        let _ = provider.secure_random.fill(&mut [0; 32]);
        let verifier = Verifier::new(options.verify, roots, own, &provider)?;
        let versions = if options.without_tls13 { &[&rustls::version::TLS12][..] } else { rustls::DEFAULT_VERSIONS };
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(Time(self.world.wall.clone())))
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if cfg!(debug_assertions) {
            // Allows a developer to decrypt the traffic with Wireshark. Release builds never do this.
            config.key_log = Arc::new(rustls::KeyLogFile::new());
        }
        let linger = self.world.linger.clone();
        Ok(Arc::new(Config { tls: Arc::new(config), sessions: sessions::shared(), linger }))
    }
}

/// The clock of a context in the form that rustls requires.
struct Time(WallClock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        (self.0)().duration_since(SystemTime::UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

/// Whether the reason why authorities could not be read may be temporary, such as too many open files. For a missing, unreadable or invalid
/// file, it is permanent.
fn may_pass(error: &ErrorKind) -> bool {
    match error {
        ErrorKind::Io { inner, .. } => is_passing(inner),
        ErrorKind::Pem(pem::Error::Io(inner)) => is_passing(inner),
        ErrorKind::Pem(_) => false,
        _ => true,
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    !matches!(error.kind(), InvalidData | IsADirectory | NotADirectory | NotFound | PermissionDenied)
}

/// Returns the authorities in a PEM text, and all its certificates.
fn read_pem(pem: &[u8]) -> Result<(Arc<RootCertStore>, Vec<CertificateDer<'static>>), Arc<str>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&with_each_marker_on_a_line(pem))
        .collect::<Result<_, _>>()
        .map_err(|error| {
            Arc::from(format!(
                "the trusted certificates are not PEM text: {error}; use a file with BEGIN CERTIFICATE blocks"
            ))
        })?;
    if certificates.is_empty() {
        return Err("the trusted certificates contain no BEGIN CERTIFICATE block; use PEM text".into());
    }
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(certificates.iter().cloned());
    if ignored == certificates.len() {
        return Err("none of the trusted certificates can be read; they may be damaged".into());
    }
    Ok((Arc::new(roots), certificates))
}

/// Returns the same text with every marker at the start of a line, where the parser expects it. Texts that were joined can have a NUL, a
/// byte order mark or nothing between two blocks.
fn with_each_marker_on_a_line(pem: &[u8]) -> Vec<u8> {
    let printable = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '\n' };
    let text: String = pem.iter().map(printable).collect();
    let lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    lines.join("\n").replace("----------BEGIN ", "-----\n-----BEGIN ").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::lanes::PROCESSOR_LIMITS;

    /// Returns the result of loading with too many open files.
    fn nothing_for_now() -> CertificateResult {
        let inner = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        let kind = ErrorKind::Io { inner, path: "authorities".into() };
        let mut result = CertificateResult::default();
        result.errors.push(rustls_native_certs::Error { context: "", kind });
        result
    }

    #[test]
    fn without_threads_and_file_descriptors_a_configuration_is_made_by_who_asks_and_not_kept() {
        let (done, is_done) = channel();
        thread::spawn(move || {
            let world = World {
                lane: Lane::without_threads(PROCESSOR_LIMITS),
                linger: Arc::new(Linger::new(Arc::new(Instant::now))),
                wall: Arc::new(SystemTime::now),
            };
            let configs = Configs::with_authorities(world, nothing_for_now);
            let made = || configs.config(&TlsOptions::default()).result().expect("made at once").expect("usable");
            let _ = done.send(!Arc::ptr_eq(&made(), &made()));
        });
        let is_made_anew = is_done.recv_timeout(Duration::from_secs(60)).expect("it waits for itself");
        assert!(is_made_anew);
    }
}

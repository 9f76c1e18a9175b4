//! Sessions: the settings, cookies and connections that many requests share.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::address::Address;
use crate::call::Call;
use crate::cookie_file::Cookies;
use crate::cookies::{Cookie, CookieError};
use crate::lock::lock;
use crate::mailbox::Command;
use crate::pool::SessionId;
use crate::response::Buffer;
use crate::settings::{Download, Kind, Request, Settings};
use crate::task::{Keeper, Shared, Task};
use crate::worker::Worker;

/// Shares settings, cookies and connections between many requests. A clone refers to the same session. Running tasks finish even if no
/// session is left.
pub struct Session<B: Buffer = Vec<u8>>(Arc<Inner<B>>);

struct Inner<B: Buffer> {
    id: SessionId,
    worker: Arc<Worker<B>>,
    settings: Mutex<Arc<Settings>>,
    cookies: Arc<Cookies>,
}

impl Session {
    /// Creates a session on the worker of the process.
    pub fn new(settings: Settings) -> Self {
        Self::on(Worker::shared().clone(), settings)
    }
}

impl<B: Buffer> Session<B> {
    /// Creates a session on this worker.
    pub fn on(worker: Arc<Worker<B>>, settings: Settings) -> Self {
        let id = worker.mailbox().next_number();
        Self(Arc::new(Inner { id, worker, settings: Mutex::new(Arc::new(settings)), cookies: Arc::default() }))
    }

    /// Returns the settings for the next request.
    pub fn settings(&self) -> Arc<Settings> {
        lock(&self.0.settings).clone()
    }

    /// Changes the settings for requests that begin from now on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(Arc::make_mut(&mut lock(&self.0.settings)));
    }

    /// Makes a request and keeps the whole response body in memory.
    pub fn fetch(&self, request: Request) -> Task<B> {
        self.start(Kind::Fetch, request, self.settings())
    }

    /// Makes a request whose body is passed on as it arrives, decompressed ([`Notice::Chunk`](crate::Notice::Chunk)). If nobody takes the
    /// data, the request waits.
    pub fn stream(&self, request: Request) -> Task<B> {
        self.start(Kind::Stream, request, self.settings())
    }

    /// Receives server-sent events ([`Notice::Event`](crate::Notice::Event)), and reconnects when the stream ends.
    pub fn listen(&self, request: Request) -> Task<B> {
        self.start(Kind::Listen, request, self.settings())
    }

    /// Downloads a response body to a file.
    pub fn download(&self, request: Request, to: Download) -> Task<B> {
        self.start(Kind::Download(to), request, self.settings())
    }

    /// Does the same as [`fetch`](Self::fetch), or as [`download`](Self::download) with `to`, but with other settings. It uses the
    /// connections of this session. Its cookies are only used if `settings` enables them.
    pub fn fetch_with(&self, request: Request, to: Option<Download>, settings: Settings) -> Task<B> {
        self.start(to.map_or(Kind::Fetch, Kind::Download), request, Arc::new(settings))
    }

    fn start(&self, kind: Kind, request: Request, settings: Arc<Settings>) -> Task<B> {
        let worker = &self.0.worker;
        let task = Shared::new(worker.mailbox().clone(), self.0.id, &request.url);
        worker.start(Call::new(task.clone(), settings, self.0.cookies.clone(), kind, request));
        Task(task)
    }

    /// Keeps cookies with an expiry date in this file, and loads those in it. `None` keeps cookies only in memory. The error is a
    /// sentence. After an error, the earlier file stays in use, unless it is the same one.
    pub fn set_cookie_file(&self, path: Option<PathBuf>) -> Result<(), String> {
        self.0.cookies.set_file(path, SystemTime::now())
    }

    /// Returns whether a file keeps the cookies.
    pub fn has_cookie_file(&self) -> bool {
        self.0.cookies.has_file()
    }

    /// Returns the cookies that are sent with a request to this URL.
    pub fn cookies(&self, address: &Address) -> Vec<Cookie> {
        self.0.cookies.with(|jar| jar.get(address, SystemTime::now()).into_iter().cloned().collect())
    }

    /// Stores a cookie as if a response from this URL contained it in `Set-Cookie`.
    pub fn set_cookie(&self, address: &Address, set_cookie: &str) -> Result<(), CookieError> {
        self.0.cookies.with(|jar| jar.set(address, set_cookie, SystemTime::now()))
    }

    /// Removes all cookies.
    pub fn clear_cookies(&self) {
        self.0.cookies.with(|jar| jar.clear());
    }

    /// Writes the cookie file if one of its cookies has changed. Requests do this when they end. Call it after you have changed cookies
    /// yourself.
    pub fn save_cookies(&self) -> io::Result<()> {
        self.0.cookies.save(SystemTime::now())
    }

    /// Resolves a URL relative to `base_url`.
    pub fn resolve(&self, url: &str) -> Result<Address, crate::address::AddressError> {
        let settings = self.settings();
        let base = Address::base(&settings.base_url)?;
        Address::resolve(base.as_ref(), url)
    }

    /// Cancels all tasks of the session.
    pub fn cancel_all(&self) {
        self.0.worker.mailbox().active(Some(self.0.id)).iter().for_each(|task| task.cancel());
    }

    /// Returns how many tasks of the session have not completed yet.
    pub fn active_count(&self) -> usize {
        self.0.worker.mailbox().active(Some(self.0.id)).len()
    }

    /// Returns the worker of the session.
    pub fn worker(&self) -> &Arc<Worker<B>> {
        &self.0.worker
    }
}

impl<B: Buffer> Clone for Session<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Buffer> Drop for Inner<B> {
    fn drop(&mut self) {
        // Nobody is left to handle an error.
        if !lock(&self.settings).replay.is_only() {
            let _ = self.cookies.save(SystemTime::now());
        }
        self.worker.mailbox().send(Command::Close(self.id));
    }
}

impl<B: Buffer> fmt::Debug for Session<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.0.id).finish_non_exhaustive()
    }
}

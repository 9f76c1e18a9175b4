//! The part that the cache has in the current request of a call.

use std::time::SystemTime;

use http_net::{Framing, Head};
use http_protocol::Method;

use super::control::Control;
use super::entry::{self, Belief, Entry, read_head};
use super::rules::{self, Use};
use super::store::{Cache, LONGEST_ENTRY, Writer};
use crate::address::Address;

/// See the module. Does nothing without a cache.
#[derive(Default)]
pub(crate) struct Turn {
    cache: Option<Cache>,
    /// Whether the request can be answered from the cache, and its response stored. Otherwise, it can only make entries outdated.
    is_answered: bool,
    url: String,
    belief: Belief,
    /// All header lines of the request.
    lines: Vec<String>,
    control: Control,
    requested: Option<SystemTime>,
    /// The entry that the server is asked to confirm, or that may replace an error, without its body.
    stored: Option<Entry>,
    /// The response that is being stored.
    writer: Option<Writer>,
    /// Whether the response comes from the cache.
    serves: bool,
    /// Whether the response says that the cache has none.
    has_nothing: bool,
    /// Whether the server confirmed an entry that does not exist any more. The request is then repeated without conditions.
    asks_anew: bool,
}

/// The consequence of a response from the network.
pub(crate) enum Met {
    /// It is used as the response.
    Itself,
    /// It confirmed this entry.
    Confirmed(Entry),
    /// It confirmed an entry that does not exist any more.
    Nothing,
}

impl Turn {
    /// Begins a request that the cache can answer. Returns the entry that answers it, if there is one. `unpacks` is whether bodies can be
    /// compressed.
    pub(crate) fn begin(
        &mut self,
        cache: Cache,
        url: &str,
        belief: Belief,
        lines: Vec<String>,
        unpacks: bool,
        now: SystemTime,
    ) -> Option<Entry> {
        let asks_anew = self.asks_anew;
        *self = Self {
            control: rules::request_control(&lines),
            cache: Some(cache),
            is_answered: true,
            url: url.to_owned(),
            belief,
            lines,
            requested: Some(now),
            ..Self::default()
        };
        let is_usable = |entry: &Entry| unpacks || entry.head.fields.named("Content-Encoding").next().is_none();
        let looks = !asks_anew && !self.control.has("no-store");
        let is_fresh = |entry: &Entry| rules::judge(&self.control, entry.kept(), now) == Use::AsItIs;
        let answers = |entry: &Entry| is_usable(entry) && is_fresh(entry);
        let asked = (url, &self.belief, &self.lines[..]);
        let found = self.cache.as_ref().filter(|_| looks).and_then(|cache| cache.find(asked, now, answers));
        match found.filter(is_usable) {
            Some(entry) if is_fresh(&entry) => self.serve(entry, now),
            _ if self.control.has("only-if-cached") => {
                (self.serves, self.has_nothing) = (true, true);
                read_head(b"HTTP/1.1 504 Gateway Timeout\r\n\r\n").map(Entry::of_head)
            }
            found => {
                self.stored = found.map(Entry::without_body);
                None
            }
        }
    }

    /// Begins a request that can only make entries outdated.
    pub(crate) fn watch(&mut self, cache: Option<Cache>) {
        *self = Self { cache, ..Self::default() };
    }

    /// Sets the lines with which the request is sent. Returns the conditional lines to add.
    pub(crate) fn send(&mut self, lines: &[String], now: SystemTime) -> Vec<String> {
        self.lines = lines.to_vec();
        self.requested = Some(now);
        self.stored.take_if(|entry| !entry.answers(lines));
        self.stored.as_ref().map(|entry| rules::conditions(&entry.head)).unwrap_or_default()
    }

    /// Returns whether the cache can answer the request and store its response.
    pub(crate) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Returns whether the response says that the cache has none, because the request only allowed a stored one.
    pub(crate) fn has_nothing(&self) -> bool {
        self.has_nothing
    }

    /// Returns whether the response comes from the cache.
    pub(crate) fn serves(&self) -> bool {
        self.serves
    }

    /// Handles a head from the network. `is_followed` is whether it is a redirect that will be followed, and whose body is not used.
    pub(crate) fn meet(
        &mut self,
        method: Method,
        address: &Address,
        head: &Head,
        framing: Framing,
        is_followed: bool,
        now: SystemTime,
    ) -> Met {
        let Some(cache) = self.cache.clone() else { return Met::Itself };
        for outdated in rules::outdated(method, address, head) {
            cache.forget(outdated.without_fragment(), now);
        }
        if !self.is_answered {
            return Met::Itself;
        }
        if head.status == 304 {
            let Some(stored) = self.stored.take() else { return Met::Itself };
            let confirmed = self.confirm(&cache, &stored, head, now);
            if confirmed.is_none() {
                cache.remove(&stored.name);
                self.asks_anew = true;
            }
            self.serves = confirmed.is_some();
            return confirmed.map_or(Met::Nothing, Met::Confirmed);
        }
        if rules::may_keep(&self.control, head) {
            let kept = rules::head_to_keep(head);
            let name = format!(
                "{}{}",
                entry::of_request(&self.url, &self.belief, &self.lines),
                entry::variant(head, &self.lines)
            );
            // Do not begin an entry that is too long, or whose end cannot be recognized.
            let can_be_whole = match framing {
                Framing::Length(len) => len < LONGEST_ENTRY,
                Framing::Chunked | Framing::None | Framing::Empty { .. } => true,
                _ => false,
            };
            let requested = self.requested.unwrap_or(now);
            if is_followed || can_be_whole {
                self.writer = cache.write(name, &kept, requested, now);
            }
            if is_followed {
                self.finish(now);
            }
        } else if head.status < 500
            && let Some(stored) = self.stored.take()
        {
            // The server has a different response now, which must not be stored.
            cache.remove(&stored.name);
        }
        Met::Itself
    }

    /// Returns the updated entry, if the confirmation refers to it and it still exists.
    fn confirm(&self, cache: &Cache, stored: &Entry, head: &Head, now: SystemTime) -> Option<Entry> {
        if !rules::is_confirmed_by(&stored.head, head) {
            return None;
        }
        let entry = cache.read(&stored.name).filter(|entry| rules::is_confirmed_by(&entry.head, &stored.head))?;
        let text = rules::confirmed_head(&entry.head, head);
        let confirmed = read_head(&text)?;
        let entry = entry.with_head(confirmed, self.requested.unwrap_or(now), now);
        // `Vary` may name other headers now.
        let variant = entry::variant(&entry.head, &self.lines);
        let name = format!("{}{variant}", entry::of_request(&self.url, &self.belief, &self.lines));
        if name != entry.name || !rules::may_keep(&self.control, &entry.head) {
            cache.remove(&entry.name);
        } else if let Some(mut writer) = cache.write(name, &text, entry.requested, entry.received)
            && writer.add(entry.body())
        {
            writer.finish(now);
        }
        Some(entry)
    }

    /// Returns the entry that replaces an error: a response with this status code, or no response at all.
    pub(crate) fn stand_in(&mut self, status: Option<u16>, now: SystemTime) -> Option<Entry> {
        let (cache, stored) = (self.cache.as_ref()?, self.stored.as_ref()?);
        if !rules::stands_in(&self.control, stored.kept(), status, now) {
            return None;
        }
        let entry = cache.read(&stored.name)?;
        self.stored = None;
        self.serve(entry, now)
    }

    fn serve(&mut self, entry: Entry, now: SystemTime) -> Option<Entry> {
        let head = read_head(&rules::head_with_age(&entry.head, rules::age(entry.kept(), now)))?;
        if let Some(cache) = &self.cache {
            cache.touch(&entry.name, now);
        }
        self.serves = true;
        let (requested, received) = (entry.requested, entry.received);
        Some(entry.with_head(head, requested, received))
    }

    /// Stores bytes of the body.
    pub(crate) fn record(&mut self, bytes: &[u8]) {
        self.writer.take_if(|writer| !writer.add(bytes));
    }

    /// Completes the entry, because the body is complete.
    pub(crate) fn finish(&mut self, now: SystemTime) {
        if let Some(writer) = self.writer.take() {
            writer.finish(now);
        }
    }
}

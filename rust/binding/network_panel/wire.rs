//! Converts news into the form for the editor: dictionaries with a key for each changed value.
//! `addons/http_client_rust/network/exchange_list.gd` reads them.

use std::time::Duration;

use godot::builtin::{Array, GString, PackedByteArray, PackedStringArray, VarArray, VarDictionary, Variant};
use godot::meta::ToGodot;

use super::outbox::Batch;
use super::update::{Opening, Update};
use crate::convert::types::{timings_dictionary, tls_dictionary};

/// The arguments of the message for a batch: its number, the number of exchanges that were left out so far, and the news.
pub(crate) fn arguments(batch: Batch) -> VarArray {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let updates: Array<VarDictionary> =
        batch.updates.into_iter().map(|(exchange, news)| dictionary(number(exchange), news)).collect();
    let mut arguments = VarArray::new();
    for value in [number(batch.number).to_variant(), number(batch.left_out).to_variant(), updates.to_variant()] {
        arguments.push(&value);
    }
    arguments
}

fn dictionary(exchange: i64, news: Update) -> VarDictionary {
    let mut facts = Facts(VarDictionary::new());
    facts.set("id", exchange.to_variant());
    if let Some(opening) = news.opening {
        facts.open(&opening);
    }
    if let Some(request) = news.request {
        facts.text("method", request.method);
        facts.text("scheme", request.scheme);
        facts.set("requested", microseconds(request.began));
    }
    if let Some(head) = news.request_head {
        facts.set("request_head", PackedByteArray::from(head.as_slice()).to_variant());
    }
    if let Some(response) = news.response {
        let lines: PackedStringArray = response.header_lines.iter().map(GString::from).collect();
        facts.text("version", response.version);
        facts.text("reason", &response.reason);
        facts.set("response_headers", lines.to_variant());
    }
    for (key, body) in [("request_body", news.request_body), ("response_body", news.response_body)] {
        if !body.is_empty() {
            facts.set(key, PackedByteArray::from(body.as_slice()).to_variant());
        }
    }
    for (key, count) in [
        ("bytes_sent", news.bytes_sent),
        ("bytes_received", news.bytes_received),
        ("left_out", news.left_out),
        ("status", news.status.map(u64::from)),
    ] {
        if let Some(count) = count {
            facts.set(key, i64::try_from(count).unwrap_or(i64::MAX).to_variant());
        }
    }
    for (key, text) in [("phase", news.phase), ("peer", news.peer.as_deref()), ("error", news.error.as_deref())] {
        if let Some(text) = text {
            facts.text(key, text);
        }
    }
    if let Some(info) = news.tls {
        facts.set("tls", tls_dictionary(&info).to_variant());
    }
    if let Some(timings) = news.timings {
        facts.set("timings", timings_dictionary(&timings).to_variant());
    }
    if news.is_over {
        facts.set("over", true.to_variant());
    }
    facts.0
}

struct Facts(VarDictionary);

impl Facts {
    fn open(&mut self, opening: &Opening) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX).to_variant();
        self.set("connection", number(opening.connection));
        // A session counts its tasks from 1, so 0 means none.
        self.set("task", number(opening.task.unwrap_or(0)));
        self.text("origin", &opening.origin);
        self.text("store", opening.store);
        self.text("proxy", &opening.proxy);
        self.set("began", microseconds(opening.began));
        self.set("is_on_kept", opening.is_on_kept.to_variant());
    }

    fn text(&mut self, key: &str, text: &str) {
        self.set(key, GString::from(text).to_variant());
    }

    fn set(&mut self, key: &str, value: Variant) {
        self.0.set(&key.to_variant(), &value);
    }
}

fn microseconds(since_1970: Duration) -> Variant {
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX).to_variant()
}

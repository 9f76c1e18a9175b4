//! One request of a call: each redirect makes another.

use std::sync::Arc;

use http_net::Route;

use crate::address::Origin;
use crate::pool::PlaceKey;
use crate::redirect;

/// The request that is under way.
pub(crate) struct Hop {
    pub(crate) request: redirect::Request,
    /// The URL that was asked for, before all redirects, without its fragment.
    pub(crate) asked_url: String,
    /// Of `base_url`, if there is one.
    pub(crate) base_origin: Option<Origin>,
    /// What its route is, and whose place it has; none before it has one.
    pub(crate) way: Option<Way>,
    /// Bodies may come packed: this program said so, not the script.
    pub(crate) unpacks: bool,
}

/// How a request gets to its server.
pub(crate) struct Way {
    pub(crate) route: Arc<Route>,
    pub(crate) place: Option<PlaceKey>,
}

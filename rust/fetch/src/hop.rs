//! One request of a call. Each redirect leads to another one.

use std::sync::Arc;

use http_net::Route;

use crate::address::Origin;
use crate::pool::PlaceKey;
use crate::redirect;

/// The current request.
pub(crate) struct Hop {
    pub(crate) request: redirect::Request,
    /// The requested URL, before all redirects, without its fragment.
    pub(crate) asked_url: String,
    /// The origin of `base_url`, if there is one.
    pub(crate) base_origin: Option<Origin>,
    /// The route, and the place in the pool. `None` until the route is known.
    pub(crate) way: Option<Way>,
    /// Whether the session decompresses a compressed body. It does if the session, and not the script, decided which codings the server may
    /// use.
    pub(crate) unpacks: bool,
}

/// The route of a request, and its place in the pool.
pub(crate) struct Way {
    pub(crate) route: Arc<Route>,
    pub(crate) place: Option<PlaceKey>,
}

//! The route to a server: which server, through which proxy, and how the connection is secured.

use std::sync::Arc;

use crate::address::{Host, to_ascii};
use crate::error::Hop;
use crate::proxy::Proxy;
use crate::tls::TlsOptions;

/// The route to a server. Two routes are equal if a link of one can be used for requests of the other: they have the same server, the
/// same proxy with the same credentials, and the same TLS options with the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    pub(crate) host: Host,
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// The TLS options, or `None` without TLS.
    pub(crate) tls: Option<TlsOptions>,
}

impl Route {
    /// Creates a route. `tls` only has an effect if the host uses TLS. Its name can be an international one.
    pub fn new(host: Host, proxy: Option<Arc<Proxy>>, tls: &TlsOptions) -> Self {
        let with_ascii_name = |tls: &TlsOptions| {
            // TLS refuses an invalid name with its own message.
            let name = tls.name.as_ref().map(|name| to_ascii(name).unwrap_or_else(|| name.clone()));
            TlsOptions { name, ..tls.clone() }
        };
        let tls = host.secure.then(|| with_ascii_name(tls));
        Self { host, proxy, tls }
    }

    /// Returns the server.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the proxy, if there is one.
    pub fn proxy(&self) -> Option<&Arc<Proxy>> {
        self.proxy.as_ref()
    }

    /// Returns the TLS options, or `None` without TLS.
    pub fn tls(&self) -> Option<&TlsOptions> {
        self.tls.as_ref()
    }

    /// Returns the host that the TCP connection leads to.
    pub(crate) fn first_hop(&self) -> &Host {
        self.proxy.as_ref().map_or(&self.host, |proxy| &proxy.host)
    }

    pub(crate) fn hop(&self) -> Hop {
        let first = self.first_hop();
        let proxy_for = self.proxy.as_ref().map(|_| self.host.authority());
        Hop { name: first.name_to_resolve(), authority: first.authority(), proxy_for }
    }

    /// Returns the prefix of the path in requests. A proxy without a tunnel needs the whole URL, so it gets the start of it.
    pub(crate) fn proxy_prefix(&self) -> String {
        if self.leads_to_proxy() { format!("http://{}", self.host.authority()) } else { String::new() }
    }

    /// Returns the header with the credentials of the proxy, if the proxy reads the requests. Through a tunnel, the server would read it.
    pub(crate) fn proxy_authorization(&self) -> Option<String> {
        self.proxy.as_ref().filter(|_| self.leads_to_proxy()).and_then(|proxy| proxy.authorization_header())
    }

    /// Whether a proxy reads the requests.
    pub(crate) fn leads_to_proxy(&self) -> bool {
        self.proxy.is_some() && self.tls.is_none()
    }

    /// Whether a proxy only carries bytes, and never reads the requests.
    pub(crate) fn is_tunnelled(&self) -> bool {
        self.proxy.is_some() && self.tls.is_some()
    }
}

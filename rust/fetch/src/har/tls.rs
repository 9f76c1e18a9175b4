//! The parameters of TLS, in the member `_securityDetails`, with the names that the developer tools of browsers use. The members for the
//! certificates are our own. The certificates are written to the first entry that has them. Later entries refer to them by name.

use std::collections::HashMap;
use std::sync::Arc;

use http_net::{Certificate, TlsInfo};
use serde_json::{Value, json};

use crate::cache::entry::hex;

/// The certificates in earlier entries, by their names in the file.
#[derive(Default)]
pub(crate) struct Chains {
    known: HashMap<String, Vec<String>>,
    /// The value of the previous entry, which the next entry most likely shares.
    last: Option<(Arc<TlsInfo>, Value)>,
}

impl Chains {
    /// Returns the member for an entry.
    pub(super) fn write(&mut self, info: &Arc<TlsInfo>) -> Value {
        if let Some((_, written)) = self.last.as_ref().filter(|(last, _)| last == info) {
            return written.clone();
        }
        let name = name_of(&info.peer_certificates);
        let certificate = info.peer_certificates.first().and_then(|pem| Certificate::parse_pem(pem));
        let mut written = json!({
            "protocol": info.version.replace("TLSv", "TLS "),
            "cipher": info.cipher_suite,
            "keyExchangeGroup": info.key_exchange,
            "_alpn": info.alpn,
            "_resumed": info.resumed,
        });
        if let Some(certificate) = certificate {
            let addresses = certificate.addresses.iter().map(ToString::to_string);
            written["subjectName"] = certificate.subject.into();
            written["sanList"] = certificate.dns_names.into_iter().chain(addresses).collect();
            written["issuer"] = certificate.issuer.into();
            written["validFrom"] = certificate.not_before.into();
            written["validTo"] = certificate.not_after.into();
        }
        if !info.peer_certificates.is_empty() {
            written["_certificates"] = name.as_str().into();
        }
        self.last = Some((info.clone(), written.clone()));
        if !info.peer_certificates.is_empty() && self.known.insert(name, Vec::new()).is_none() {
            written["_pem"] = info.peer_certificates.iter().map(String::as_str).collect();
        }
        written
    }

    /// Reads the member of an entry. Returns `None` if there is none.
    pub(super) fn read(&mut self, value: Value) -> Option<Arc<TlsInfo>> {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let version = text("protocol");
        if version.is_empty() {
            return None;
        }
        let name = text("_certificates");
        if let Some(chain) = value["_pem"].as_array() {
            let chain = chain.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            self.known.insert(name.clone(), chain);
        }
        let info = TlsInfo {
            version: version.replace("TLS ", "TLSv"),
            cipher_suite: text("cipher"),
            key_exchange: text("keyExchangeGroup"),
            alpn: text("_alpn"),
            resumed: value["_resumed"].as_bool().unwrap_or_default(),
            peer_certificates: self.known.get(&name).cloned().unwrap_or_default(),
        };
        if let Some((last, _)) = self.last.as_ref().filter(|(last, _)| **last == info) {
            return Some(last.clone());
        }
        let info = Arc::new(info);
        self.last = Some((info.clone(), Value::Null));
        Some(info)
    }
}

/// Returns a name that is the same for the same certificates, in every process.
fn name_of(chain: &[String]) -> String {
    hex(chain.concat().as_bytes(), 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(certificates: &[&str], resumed: bool) -> Arc<TlsInfo> {
        Arc::new(TlsInfo {
            version: "TLSv1.3".to_owned(),
            cipher_suite: "TLS13_AES_256_GCM_SHA384".to_owned(),
            key_exchange: "X25519MLKEM768".to_owned(),
            alpn: "http/1.1".to_owned(),
            resumed,
            peer_certificates: certificates.iter().map(|text| (*text).to_owned()).collect(),
        })
    }

    #[test]
    fn what_tls_agreed_on_comes_back_and_each_chain_stands_in_the_file_once() {
        let all = [
            info(&["one", "authority"], false),
            info(&["one", "authority"], false),
            info(&["two"], false),
            info(&["one", "authority"], true),
            info(&[], false),
        ];
        let (mut writing, mut reading) = (Chains::default(), Chains::default());
        let written: Vec<Value> = all.iter().map(|info| writing.write(info)).collect();
        let chains = written.iter().map(|value| value.get("_pem").is_some()).collect::<Vec<_>>();
        assert_eq!(chains, [true, false, true, false, false]);
        for (info, value) in all.iter().zip(written) {
            assert_eq!(value["protocol"], "TLS 1.3", "as browsers write it");
            assert_eq!(reading.read(value).as_ref(), Some(info));
        }
    }

    #[test]
    fn what_a_browser_wrote_is_read_as_far_as_it_goes() {
        let value =
            json!({"protocol": "TLS 1.2", "cipher": "AES_128_GCM", "certificateId": 0, "subjectName": "a.example"});
        let info = Chains::default().read(value).unwrap();
        assert_eq!((info.version.as_str(), info.cipher_suite.as_str()), ("TLSv1.2", "AES_128_GCM"));
        for value in [Value::Null, json!({}), json!([]), json!({"protocol": 7}), json!("TLS")] {
            assert_eq!(Chains::default().read(value), None);
        }
    }
}

//! The query of a request, and the checks it has to pass.

use std::str::FromStr;

use fanfare_proto::engine::{Refusal, Transport};
use fanfare_proto::ids::Sid;

/// What the protocol reads from a query. The first value of a repeated parameter counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) transport: Option<Transport>,
    pub(super) sid: Option<Result<Sid, ()>>,
    /// `EIO=4`.
    pub(super) is_version_4: bool,
    /// `b64=1`: the client cannot take binary frames.
    pub(super) base64: bool,
    /// `j=`: the client asks for a script instead of text, which is not offered.
    pub(super) jsonp: bool,
}

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        let mut seen = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !NAMES.contains(&&*name) || seen.contains(&name) {
                continue;
            }
            match &*name {
                "transport" => parsed.transport = transport(&value),
                "sid" => parsed.sid = Some(Sid::from_str(&value).map_err(drop)),
                "EIO" => parsed.is_version_4 = value == "4",
                "b64" => parsed.base64 = !value.is_empty(),
                _ => parsed.jsonp = true,
            }
            seen.push(name);
        }
        parsed
    }

    /// The transport, if it is known and enabled.
    pub(super) fn transport(&self, enabled: &[Transport]) -> Result<Transport, Refusal> {
        self.transport.filter(|transport| enabled.contains(transport)).ok_or(Refusal::TransportUnknown)
    }
}

fn transport(name: &str) -> Option<Transport> {
    [Transport::Polling, Transport::WebSocket].into_iter().find(|transport| transport.as_str() == name)
}

const NAMES: [&str; 5] = ["transport", "sid", "EIO", "b64", "j"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_the_protocol_are_read() {
        let query = Query::parse("EIO=4&transport=polling&t=x&b64=1&sid=AAAAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(query.transport, Some(Transport::Polling));
        assert!(query.is_version_4 && query.base64 && !query.jsonp);
        assert_eq!(query.sid.unwrap().unwrap().as_str(), "AAAAAAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn the_first_of_several_values_counts() {
        let query = Query::parse("EIO=4&EIO=3&transport=websocket&transport=polling");
        assert!(query.is_version_4);
        assert_eq!(query.transport, Some(Transport::WebSocket));
    }

    #[test]
    fn anything_else_is_unknown() {
        for query in
            ["", "transport=", "transport=foo", "transport=POLLING", "transport=__proto__", "%zz=%", "transport"]
        {
            let parsed = Query::parse(query);
            assert_eq!(parsed.transport, None, "{query}");
            assert!(!parsed.is_version_4, "{query}");
        }
        for sid in ["__proto__", "", "%00", "%F0%9F%98%80", &"x".repeat(3000)] {
            assert_eq!(Query::parse(&format!("sid={sid}")).sid, Some(Err(())), "{sid}");
        }
    }
}

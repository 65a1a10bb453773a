//! The `open` packet. Source: Engine.IO v4, "Handshake".

use std::time::Duration;

use crate::ids::Sid;

/// What the server tells a client when a session opens.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// The session's id.
    pub sid: Sid,
    /// Whether the client may upgrade to WebSocket from the transport it is on.
    pub may_upgrade: bool,
    /// Time between a pong and the next ping.
    pub ping_interval: Duration,
    /// Time a client has to answer a ping.
    pub ping_timeout: Duration,
    /// Largest message or polling body the server takes, in bytes.
    pub max_payload_bytes: usize,
}

impl Open {
    /// The whole packet as text, type included.
    pub fn encode(&self) -> String {
        format!(
            r#"0{{"sid":"{}","upgrades":[{}],"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
            self.sid.as_str(),
            if self.may_upgrade { r#""websocket""# } else { "" },
            self.ping_interval.as_millis(),
            self.ping_timeout.as_millis(),
            self.max_payload_bytes,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;

    #[test]
    fn holds_exactly_the_five_keys_of_the_protocol() {
        let open = Open {
            sid: Sid::from_random(NodeId::from_random([0; 3]), [0; 15]),
            may_upgrade: true,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload_bytes: 1_000_000,
        };
        let expected = r#"0{"sid":"AAAAAAAAAAAAAAAAAAAAAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        assert_eq!(open.encode(), expected);
        let direct = Open { may_upgrade: false, ..open };
        assert!(direct.encode().contains(r#""upgrades":[]"#));
    }
}

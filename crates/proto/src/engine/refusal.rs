//! Why a request is turned away. Source: the reference server's error codes 0 to 5.

use std::borrow::Cow;

/// A request that opens or continues no session. Answered with `{"code":…,"message":…}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Code 0: `transport` is missing, unknown or not enabled.
    #[error("Transport unknown")]
    TransportUnknown,
    /// Code 1: there is no session of this `sid`, or no longer.
    #[error("Session ID unknown")]
    SessionUnknown,
    /// Code 2: a handshake with another method than GET.
    #[error("Bad handshake method")]
    BadHandshakeMethod,
    /// Code 3: a request that does not fit the state of its session, or makes no sense.
    #[error("Bad request")]
    BadRequest,
    /// Code 4: the application does not let this client in; with the message it gave.
    #[error("{0}")]
    Forbidden(Cow<'static, str>),
    /// Code 5: `EIO` is not 4.
    #[error("Unsupported protocol version")]
    UnsupportedProtocol,
}

impl Refusal {
    /// Code 4 without a message of the application.
    pub const FORBIDDEN: Self = Self::Forbidden(Cow::Borrowed("Forbidden"));

    /// The error code on the wire, 0 to 5.
    pub fn code(&self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::SessionUnknown => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden(_) => 4,
            Self::UnsupportedProtocol => 5,
        }
    }

    /// The HTTP status: 403 when forbidden, else 400.
    pub fn status(&self) -> u16 {
        match self {
            Self::Forbidden(_) => 403,
            _ => 400,
        }
    }

    /// A name for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TransportUnknown => "transport_unknown",
            Self::SessionUnknown => "session_unknown",
            Self::BadHandshakeMethod => "bad_handshake_method",
            Self::BadRequest => "bad_request",
            Self::Forbidden(_) => "forbidden",
            Self::UnsupportedProtocol => "unsupported_protocol",
        }
    }

    /// The JSON body.
    pub fn body(&self) -> String {
        let message = serde_json::Value::from(self.to_string());
        format!(r#"{{"code":{},"message":{message}}}"#, self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_those_of_the_reference_server() {
        let check = |refusal: Refusal, body: &str| assert_eq!(refusal.body(), body);
        check(Refusal::TransportUnknown, r#"{"code":0,"message":"Transport unknown"}"#);
        check(Refusal::SessionUnknown, r#"{"code":1,"message":"Session ID unknown"}"#);
        check(Refusal::BadHandshakeMethod, r#"{"code":2,"message":"Bad handshake method"}"#);
        check(Refusal::BadRequest, r#"{"code":3,"message":"Bad request"}"#);
        check(Refusal::FORBIDDEN, r#"{"code":4,"message":"Forbidden"}"#);
        check(Refusal::UnsupportedProtocol, r#"{"code":5,"message":"Unsupported protocol version"}"#);
        check(Refusal::Forbidden("no \"x\"".into()), r#"{"code":4,"message":"no \"x\""}"#);
    }
}

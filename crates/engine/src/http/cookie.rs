//! The session cookie.

use std::fmt::Write as _;

use fanfare_proto::ids::Sid;
use http::{HeaderName, HeaderValue};

use crate::ConfigError;

/// The cookie that carries the session id, for load balancers that route by it.
///
/// The engine itself never reads it. Defaults: `io=<sid>; Path=/; HttpOnly; SameSite=Lax`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Cookie {
    name: String,
    path: Option<String>,
    http_only: bool,
    same_site: Option<SameSite>,
    secure: bool,
    domain: Option<String>,
    max_age_seconds: Option<u64>,
}

/// When a browser sends the cookie with requests from other sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the user follows a link.
    Lax,
    /// Always; the cookie must be `secure`.
    None,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".to_owned(),
            path: Some("/".to_owned()),
            http_only: true,
            same_site: Some(SameSite::Lax),
            secure: false,
            domain: None,
            max_age_seconds: None,
        }
    }
}

impl Cookie {
    /// A cookie of this name, everything else as by default.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The `Path` attribute; `None` leaves it out.
    pub fn path(mut self, path: Option<&str>) -> Self {
        self.path = path.map(str::to_owned);
        self
    }

    /// The `HttpOnly` attribute.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// The `SameSite` attribute; `None` leaves it out.
    pub fn same_site(mut self, same_site: Option<SameSite>) -> Self {
        self.same_site = same_site;
        self
    }

    /// The `Secure` attribute.
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// The `Domain` attribute.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// The `Max-Age` attribute, in seconds.
    pub fn max_age(mut self, seconds: u64) -> Self {
        self.max_age_seconds = Some(seconds);
        self
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let error = |value: &str, allowed| Err(ConfigError { option: "cookie", value: value.to_owned(), allowed });
        // The name of a cookie and that of a header have the same alphabet.
        if self.name.parse::<HeaderName>().is_err() {
            return error(&self.name, "a name has letters, digits and `-`, `_`, `.`");
        }
        for attribute in [&self.path, &self.domain].into_iter().flatten() {
            if !attribute.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';') {
                return error(attribute, "an attribute has no `;` and no control character");
            }
        }
        if self.same_site == Some(SameSite::None) && !self.secure {
            return error("SameSite=None", "browsers take it together with Secure only");
        }
        Ok(())
    }

    /// The value of the `Set-Cookie` header; `None` when an attribute cannot stand in a header.
    pub(crate) fn header(&self, sid: Sid) -> Option<HeaderValue> {
        let mut text = format!("{}={}", self.name, sid.as_str());
        let mut attribute = |name: &str, value: Option<String>| {
            let Some(value) = value else { return };
            write!(text, "; {name}={value}").expect("memory takes what is written to it");
        };
        attribute("Max-Age", self.max_age_seconds.map(|seconds| seconds.to_string()));
        attribute("Domain", self.domain.clone());
        attribute("Path", self.path.clone());
        if self.http_only {
            text.push_str("; HttpOnly");
        }
        if self.secure {
            text.push_str("; Secure");
        }
        if let Some(same_site) = self.same_site {
            write!(text, "; SameSite={same_site:?}").expect("memory takes what is written to it");
        }
        HeaderValue::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use fanfare_proto::ids::NodeId;

    use super::*;

    fn check(cookie: Cookie, expected: &str) {
        let sid = Sid::from_random(NodeId::from_random([0; 3]), [0; 15]);
        assert_eq!(cookie.header(sid).unwrap(), expected);
    }

    #[test]
    fn cookies_are_those_of_the_reference() {
        check(Cookie::default(), "io=AAAAAAAAAAAAAAAAAAAAAAAA; Path=/; HttpOnly; SameSite=Lax");
        let bare = Cookie::named("woot").path(None).http_only(false).same_site(None);
        check(bare, "woot=AAAAAAAAAAAAAAAAAAAAAAAA");
        let full = Cookie::default().same_site(Some(SameSite::None)).secure(true).domain("a.b").max_age(60);
        check(full, "io=AAAAAAAAAAAAAAAAAAAAAAAA; Max-Age=60; Domain=a.b; Path=/; HttpOnly; Secure; SameSite=None");
    }
}

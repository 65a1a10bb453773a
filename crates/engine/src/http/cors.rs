//! Which pages of other origins may connect.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{COOKIE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::ConfigError;

/// Cross-origin access: the CORS headers of HTTP answers, and the origins from which browsers may open
/// WebSockets, which CORS itself does not cover.
///
/// ```
/// use fanfare_engine::Cors;
///
/// let cors = Cors::origins(["https://example.com", "https://example.org"]).credentials(true);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Cors {
    origin: AllowedOrigin,
    credentials: bool,
    methods: Vec<Method>,
    allowed_headers: Option<Vec<HeaderName>>,
    exposed_headers: Vec<HeaderName>,
    max_age: Option<Duration>,
}

/// The origins that are let in.
#[derive(Clone)]
#[non_exhaustive]
pub enum AllowedOrigin {
    /// All of them, announced as `*`. Cannot be combined with credentials.
    Any,
    /// All of them, each announced by its name.
    Mirror,
    /// These, each as `scheme://host[:port]`.
    List(Vec<HeaderValue>),
    /// Those for which the function says so.
    Predicate(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Cors {
    /// Lets all origins in, without credentials.
    pub fn any() -> Self {
        Self::new(AllowedOrigin::Any)
    }

    /// Lets all origins in and tells each its own name, so that credentials can be allowed.
    pub fn mirror() -> Self {
        Self::new(AllowedOrigin::Mirror)
    }

    /// Lets these origins in, each written as `scheme://host[:port]`.
    pub fn origins<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Self {
        // What is no header value can be no origin either; `validate` reports it as it reports other nonsense.
        let value = |origin: T| HeaderValue::from_str(origin.as_ref()).unwrap_or(HeaderValue::from_static(""));
        Self::new(AllowedOrigin::List(origins.into_iter().map(value).collect()))
    }

    /// Lets those origins in for which the function says so.
    pub fn predicate(allows: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::new(AllowedOrigin::Predicate(Arc::new(allows)))
    }

    fn new(origin: AllowedOrigin) -> Self {
        Self {
            origin,
            credentials: false,
            methods: vec![Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::POST, Method::DELETE],
            allowed_headers: None,
            exposed_headers: Vec::new(),
            max_age: None,
        }
    }

    /// Whether cookies and client certificates may come along. Default: false.
    pub fn credentials(mut self, credentials: bool) -> Self {
        self.credentials = credentials;
        self
    }

    /// The methods that a preflight is told. Default: GET, HEAD, PUT, PATCH, POST, DELETE.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// The request headers that a preflight is told. Default: those it asks for.
    pub fn allowed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.allowed_headers = Some(headers.into_iter().collect());
        self
    }

    /// The response headers that pages may read. Default: none beyond the standard ones.
    pub fn exposed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.exposed_headers = headers.into_iter().collect();
        self
    }

    /// How long a browser may remember a preflight. Default: not told.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let error = |value: &str, allowed| Err(ConfigError { option: "cors", value: value.to_owned(), allowed });
        match &self.origin {
            AllowedOrigin::Any if self.credentials => {
                error("any origin with credentials", "name the origins, or use Cors::mirror()")
            }
            AllowedOrigin::List(origins) => match origins.iter().find(|origin| !is_origin(origin)) {
                Some(wrong) => error(
                    &String::from_utf8_lossy(wrong.as_bytes()),
                    "an origin is scheme://host[:port], without a path",
                ),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    pub(crate) fn layer(&self) -> CorsLayer {
        let origin = match self.origin.clone() {
            AllowedOrigin::Any => AllowOrigin::any(),
            AllowedOrigin::Mirror => AllowOrigin::mirror_request(),
            AllowedOrigin::List(origins) => AllowOrigin::list(origins),
            AllowedOrigin::Predicate(_) => {
                let origin = self.origin.clone();
                AllowOrigin::predicate(move |value, _| origin.allows(value))
            }
        };
        let layer = CorsLayer::new()
            .allow_origin(origin)
            .allow_credentials(self.credentials)
            .allow_methods(AllowMethods::list(self.methods.clone()))
            .allow_headers(match &self.allowed_headers {
                Some(headers) => AllowHeaders::list(headers.clone()),
                None => AllowHeaders::mirror_request(),
            })
            .expose_headers(self.exposed_headers.clone())
            .vary([ORIGIN]);
        match self.max_age {
            Some(max_age) => layer.max_age(max_age),
            None => layer,
        }
    }
}

impl AllowedOrigin {
    fn allows(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any | Self::Mirror => true,
            Self::List(origins) => origins.contains(origin),
            Self::Predicate(allows) => origin.to_str().is_ok_and(|origin| allows(origin)),
        }
    }
}

/// Whether a browser may open a WebSocket with this request.
///
/// With CORS configured, from the allowed origins and the own one. Without, from everywhere unless cookies come
/// along: those would let a foreign page speak in the name of its visitor (cross-site WebSocket hijacking).
pub(super) fn may_open_websocket(request: &Parts, cors: Option<&Cors>, allow_missing_origin: bool) -> bool {
    let mut origins = request.headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return cors.is_none() || allow_missing_origin;
    };
    if origins.next().is_some() {
        return false;
    }
    match cors {
        Some(cors) => cors.origin.allows(origin) || is_same_origin(request, origin),
        None => !request.headers.contains_key(COOKIE) || is_same_origin(request, origin),
    }
}

fn is_same_origin(request: &Parts, origin: &HeaderValue) -> bool {
    let host = request.headers.get(HOST).map(HeaderValue::as_bytes);
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_bytes())))
}

fn is_origin(value: &HeaderValue) -> bool {
    let parts = value.to_str().ok().and_then(|origin| origin.split_once("://"));
    parts.is_some_and(|(scheme, authority)| !scheme.is_empty() && !authority.is_empty() && !authority.contains('/'))
}

impl fmt::Debug for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::Mirror => f.write_str("Mirror"),
            Self::List(origins) => f.debug_tuple("List").field(origins).finish(),
            Self::Predicate(_) => f.write_str("Predicate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut builder = Request::builder().header(HOST, "example.com");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn websockets_are_opened_from_allowed_origins_only() {
        let cors = Cors::origins(["https://a.org"]);
        let check = |origin: &str, expected: bool| {
            let allowed = may_open_websocket(&request(&[("origin", origin)]), Some(&cors), true);
            assert_eq!(allowed, expected, "{origin}");
        };
        check("https://a.org", true);
        check("https://example.com", true);
        for origin in ["null", "http://a.org", "https://a.org.evil.net", "https://evil.net/https://a.org", "a.org", ""]
        {
            check(origin, false);
        }
    }

    #[test]
    fn a_websocket_without_origin_is_a_setting() {
        let cors = Cors::origins(["https://a.org"]);
        assert!(may_open_websocket(&request(&[]), Some(&cors), true));
        assert!(!may_open_websocket(&request(&[]), Some(&cors), false));
        assert!(may_open_websocket(&request(&[]), None, false));
    }

    #[test]
    fn two_origins_are_none() {
        let two = request(&[("origin", "https://a.org"), ("origin", "https://a.org")]);
        assert!(!may_open_websocket(&two, Some(&Cors::any()), true));
        assert!(!may_open_websocket(&two, None, true));
    }

    #[test]
    fn without_cors_only_cookies_ask_for_the_same_origin() {
        let foreign = ("origin", "https://evil.net");
        let cookie = ("cookie", "session=1");
        assert!(may_open_websocket(&request(&[foreign]), None, true));
        assert!(!may_open_websocket(&request(&[foreign, cookie]), None, true));
        assert!(may_open_websocket(&request(&[("origin", "http://EXAMPLE.com"), cookie]), None, true));
    }

    #[test]
    fn origins_are_checked_when_the_engine_is_built() {
        assert!(Cors::origins(["https://a.org:8443"]).validate().is_ok());
        for wrong in ["a.org", "https://", "https://a.org/", "https://a.org/x", "é\n"] {
            assert!(Cors::origins([wrong]).validate().is_err(), "{wrong}");
        }
    }
}

//! Compressed polling answers.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderValue};

/// A coding that both sides know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    /// The first that the client names, in its own order, unless it gives it no weight.
    pub(super) fn accepted(headers: &HeaderMap<HeaderValue>) -> Option<Self> {
        headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).find_map(|value| {
            value.split(',').find_map(|coding| {
                let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
                let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
                match name.trim().to_ascii_lowercase().as_str() {
                    "gzip" if !refused => Some(Self::Gzip),
                    "deflate" if !refused => Some(Self::Deflate),
                    _ => None,
                }
            })
        })
    }

    pub(super) fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }

    /// Compresses for speed: a body is sent once, to one client.
    pub(super) fn compress(self, body: &[u8]) -> Vec<u8> {
        let out = Vec::with_capacity(body.len() / 2);
        let compressed = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::fast());
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, Compression::fast());
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
        };
        compressed.expect("memory takes what is written to it")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_clients_first_choice_is_taken() {
        let check = |accept: &'static str, expected| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
            assert_eq!(Coding::accepted(&headers), expected, "{accept}");
        };
        check("gzip, deflate, br", Some(Coding::Gzip));
        check("deflate;q=0.5, gzip", Some(Coding::Deflate));
        check("br, GZIP", Some(Coding::Gzip));
        check("gzip;q=0, deflate", Some(Coding::Deflate));
        check("identity", None);
        check("", None);
    }

    #[test]
    fn what_is_compressed_can_be_read() {
        let body = b"hello ".repeat(1000);
        let mut gunzipped = Vec::new();
        flate2::read::GzDecoder::new(&Coding::Gzip.compress(&body)[..]).read_to_end(&mut gunzipped).unwrap();
        assert_eq!(gunzipped, body);
        let mut inflated = Vec::new();
        flate2::read::ZlibDecoder::new(&Coding::Deflate.compress(&body)[..]).read_to_end(&mut inflated).unwrap();
        assert_eq!(inflated, body);
    }
}

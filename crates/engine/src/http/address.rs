//! Who is at the other end of a request.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// The peer of the TCP connection. The embedded listener puts it into every request; in another server, a
/// layer does, since only the server knows it: `request.extensions_mut().insert(PeerAddr(addr))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Marks a request that came over TLS. The embedded listener sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secure;

/// The address of the client: the peer, or what trusted proxies say of it.
///
/// `X-Forwarded-For` is written by everybody along the way, the client first. So it is read from the right,
/// over the addresses of trusted proxies, up to the first that is not one of them.
pub(super) fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let mut client = peer?;
    let hops = headers.get_all("x-forwarded-for").into_iter().rev();
    let hops = hops.flat_map(|value| value.to_str().unwrap_or("?").rsplit(',')).map(parse_hop);
    for hop in hops {
        if !is_trusted(client) {
            break;
        }
        // What cannot be read ends the chain: the last proxy that could be read is as far as we know.
        let Some(address) = hop else { break };
        client = address;
    }
    Some(client)
}

/// An address, in brackets or with a port as some proxies write it.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[&'static str], expected: &str) {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().map(|net| net.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let client = client_address(Some(peer.parse().unwrap()), &headers, &trusted);
        assert_eq!(client, Some(expected.parse().unwrap()), "{forwarded:?}");
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        check("10.0.0.1", &["1.2.3.4"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4");
        check("10.0.0.1", &["6.6.6.6", "1.2.3.4,10.0.0.2"], "1.2.3.4");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
        check("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1");
        check("fd00::1", &["2001:db8::1"], "2001:db8::1");
        check("::ffff:10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4");
    }

    #[test]
    fn nobody_else_is_believed() {
        check("9.9.9.9", &["1.2.3.4"], "9.9.9.9");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["1.2.3.4, garbage"], "10.0.0.1");
        check("10.0.0.1", &["1.2.3.4, unknown, 10.0.0.2"], "10.0.0.2");
    }
}

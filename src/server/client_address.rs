//! Whose request it is, for rate limits.
//!
//! The socket's other end, unless that is a reverse proxy that the operator trusts. Then the right-most hop of
//! `X-Forwarded-For` that is not itself such a proxy: whatever stands to the left of it came from outside and
//! may be made up.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use ipnet::IpNet;

use super::AppState;

/// The client of a request. Put among its extensions by [`remember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What limits are kept by: one IPv4 address, or the /64 that one IPv6 customer gets at least.
    pub fn bucket(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
            }
            address => address,
        }
    }
}

/// Puts the [`ClientAddress`] among each request's extensions.
pub async fn remember(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let trusted = &state.config.trusted_proxies.0;
    let address = client_of(peer.ip(), request.headers(), trusted);
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// Whether an address is that of a reverse proxy of the operator's.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// Whose request it is that came from `peer` with these headers.
pub fn client_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let values = headers.get_all("x-forwarded-for").iter().collect::<Vec<_>>();
    // Part by part: what a client made up may be no text at all, and a proxy's own word stands behind it.
    let mut hops = values
        .iter()
        .rev()
        .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
        .map(|hop| std::str::from_utf8(hop).unwrap_or_default().trim());
    while is_trusted(client, trusted) {
        match hops.next().and_then(hop_address) {
            Some(hop) => client = hop,
            // Nothing more, or nothing legible: the last hop that a trusted proxy vouches for.
            None => break,
        }
    }
    client
}

/// An address as proxies write it: bare, or with a port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse::<IpAddr>().ok();
    address
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|hop| hop.ip()))
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client_of(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_header_from_anyone_else_means_nothing() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn the_right_most_untrusted_hop_counts() {
        let proxies = &["10.0.0.0/8", "fd00::/8"];
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 2.2.2.2"], proxies), "2.2.2.2");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 2.2.2.2, 10.0.0.2"], proxies), "2.2.2.2");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "2.2.2.2"], proxies), "2.2.2.2");
        assert_eq!(client("fd00::1", &["2001:db8::7"], proxies), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::7]:443"], proxies), "2001:db8::7");
        assert_eq!(client("::ffff:10.0.0.1", &["2.2.2.2:1234"], proxies), "2.2.2.2");
    }

    #[test]
    fn what_a_client_made_up_hides_nothing_that_a_proxy_adds() {
        let mut headers = HeaderMap::new();
        let value = http::HeaderValue::from_bytes(b"\xff\xfe, 2.2.2.2").unwrap();
        headers.insert("x-forwarded-for", value);
        let (proxy, proxies) = ([10, 0, 0, 1].into(), ["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(client_of(proxy, &headers, &proxies), IpAddr::from([2, 2, 2, 2]));
    }

    #[test]
    fn a_silent_or_garbled_proxy_is_the_client_itself() {
        assert_eq!(client("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, unknown"], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn one_ipv6_customer_is_one_client() {
        let bucket = |text: &str| ClientAddress(text.parse().unwrap()).bucket().to_string();
        assert_eq!(bucket("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(bucket("::ffff:192.0.2.1"), "192.0.2.1");
    }
}

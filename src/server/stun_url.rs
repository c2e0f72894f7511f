//! STUN addresses by the grammar that browsers hold to.
//!
//! A browser that refuses one address refuses the whole configuration, and then no page of this server connects to
//! anybody. So what Chromium or Firefox refuses stops the start instead. RFC 7064, section 3.1, with the ports and hosts
//! of RFC 3986, section 3.2; what it allows beyond that was tried in both.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Bytes of a host's name, and of each of its labels (RFC 1035, section 2.3.4).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Ports to which Firefox does not let a STUN address lead: the Fetch standard's bad ports (section 2.9) but 53, as tried.
const BAD_PORTS: [u16; 81] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512,
    513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995,
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697, 10080,
];

/// The address as browsers are told it.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn checked(address: &str) -> Result<String, &'static str> {
    let (scheme, rest) = address.split_once(':').ok_or("it does not begin with stun:")?;
    match scheme.to_ascii_lowercase().as_str() {
        "stun" => {}
        "stuns" => return Err("stuns: is not taken by every browser, only stun:"),
        "turn" | "turns" => return Err("it is a TURN address"),
        _ => return Err("it does not begin with stun:"),
    }
    if rest.contains('?') {
        return Err("a STUN address has no ?transport= nor anything else after a question mark");
    }
    if rest.starts_with("//") {
        return Err("a STUN address has no // after stun:");
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("an IPv6 address ends with ]")?;
            host.parse::<Ipv6Addr>().map_err(|_| "what is in [ ] is no IPv6 address")?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or("only a port may follow the ]")?),
            };
            (&rest[..host.len()], port)
        }
        None => {
            let (host, port) = match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            };
            if port.is_some_and(|port| port.contains(':')) {
                return Err("an IPv6 address stands in [ ]");
            }
            check_host(host)?;
            (host, port)
        }
    };
    if host.is_empty() {
        return Err("it names no host");
    }
    if let Some(port) = port {
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse::<u16>().ok().filter(|number| digits && *number > 0);
        let number = number.ok_or("its port is not a number from 1 to 65535")?;
        if BAD_PORTS.contains(&number) {
            return Err("browsers block its port, which belongs to another protocol");
        }
    }
    Ok(format!("stun:{rest}"))
}

/// An IPv4 address, or the name of a host in ASCII.
fn check_host(host: &str) -> Result<(), &'static str> {
    let name = host.strip_suffix('.').unwrap_or(host);
    // A last part of digits makes it an address for browsers (URL standard, section 3.5).
    let last = name.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        let address = host.parse::<Ipv4Addr>();
        return address.map(drop).map_err(|_| "it is no IPv4 address");
    }
    let is_label = |label: &str| {
        let ours = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(ours)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !name.is_ascii() {
        return Err("a host's name is written in ASCII there, as xn--…");
    }
    if name.len() > MAX_NAME_BYTES || !name.split('.').all(is_label) {
        return Err("its host is no name of a host");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn what_both_browsers_take_is_taken() {
        for address in [
            "stun:a.example",
            "stun:a.example:3478",
            "stun:127.0.0.1:3478",
            "stun:[::1]:3478",
            "stun:[::1]",
            "stun:[2001:db8::7]:3479",
            "stun:a.example:65535",
            "stun:A.EXAMPLE",
            "stun:a_b.example",
            "stun:a.example.",
            "stun:xn--4ca.example",
            "stun:a.example:03478",
            "stun:localhost",
            "stun:a.example:53",
            "stun:a.example:443",
            "stun:a.example:19302",
            "stun:1a.example",
        ] {
            assert_eq!(checked(address).as_deref(), Ok(address));
        }
        assert_eq!(checked("STUN:a.example").as_deref(), Ok("stun:a.example"));
    }

    #[test]
    fn what_one_of_them_refuses_is_refused_and_what_cannot_be_a_host() {
        let long_label = format!("stun:{}.example", "a".repeat(64));
        let long_name = format!("stun:{}b", "a.".repeat(200));
        for address in [
            "",
            "stun",
            "stun:",
            "stun::3478",
            "stun:::1",
            "stun:a.example:0",
            "stun:a.example:65536",
            "stun:a.example:99999",
            "stun:a.example:",
            "stun:a.example:abc",
            "stun:a.example:+3478",
            "stun:a.example: 3478",
            "stun://a.example",
            "stun:a b",
            "stun:a.123",
            "stun:a.example:1",
            "stun:a.example:25",
            "stun:a.example:5060",
            "stun:1.2.3.4.5",
            "stun:*.example",
            "stun:[1.2.3.4]",
            "stun:a.example?transport=udp",
            "stun:127.0.0.1:3478?transport=udp",
            "stun:a.example?",
            "stun:a.example/",
            "stun:a.example/x",
            "stun:a.example#f",
            "stun:user@a.example",
            "stuns:a.example",
            "stuns:a.example:5349",
            "stun:-a.example",
            "stun:a-.example",
            "stun:a..example",
            "stun:.",
            "stun:ä.example",
            "stun:a%20b",
            "stun:1.2.3",
            "stun:256.1.1.1",
            "stun:1.2.3.4.",
            "stun:[fe80::1%25eth0]",
            "stun:[::g]",
            "stun:[::1",
            "stun:[::1]3478",
            "stun:[]",
            "stun: a.example",
            "http://a.example",
            "turn:a.example",
            "a.example",
            "stun:a.example\n",
            "stun:a;b",
            &long_label,
            &long_name,
        ] {
            assert!(checked(address).is_err(), "{address:?}");
        }
    }
}

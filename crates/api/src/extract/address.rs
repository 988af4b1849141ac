use std::net::IpAddr;
use std::sync::Once;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from: the peer, or what the proxies in front of us say, as far as each of
/// them is trusted. Anybody can send the header; only a trusted peer's is read, from its end.
pub(crate) fn of(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let headers = request.headers();
    if headers.contains_key(FORWARDED_FOR) && !is_in(peer, trusted) {
        // Anybody may send the header; a proxy of ours that nobody told us of does so always, and
        // everybody behind it has one budget for wrong passwords.
        static TOLD: Once = Once::new();
        TOLD.call_once(|| {
            tracing::warn!(
                %peer,
                "a request says by X-Forwarded-For whom it is for, and its sender is not trusted: \
                 if that is a proxy of yours, name it with --trusted-proxy; told once"
            );
        });
    }
    Some(client(peer, headers, trusted))
}

/// Whether a proxy of ours sent the request.
pub(crate) fn is_of_trusted(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    let peer = request.peer_addr();
    peer.is_some_and(|peer| is_in(peer.ip(), trusted))
}

/// Whether an address is in one of several networks.
pub(crate) fn is_in(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|net| net.contains(&address))
}

/// Whether an address is one that no router passes on to the world: of this machine, or of a private,
/// shared or link-local network (RFC 6890, RFC 4193).
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let is_shared = first == 100 && second & 0b1100_0000 == 64;
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    let mut hops: Vec<&[u8]> = Vec::new();
    for value in headers.get_all(FORWARDED_FOR) {
        // Byte by byte: what its sender made up stands before what a proxy wrote, and may be no text.
        hops.extend(value.as_bytes().split(|byte| *byte == b','));
    }
    while is_in(nearest, trusted) {
        let Some(hop) = hops.pop() else { break };
        match parse(hop) {
            Some(address) => nearest = address,
            // What a proxy of ours did not write ends the trust.
            None => break,
        }
    }
    nearest
}

/// An address as proxies write it: some with a port, some in brackets.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let address = hop
        .parse()
        .or_else(|_| {
            hop.parse()
                .map(|with_port: std::net::SocketAddr| with_port.ip())
        })
        .or_else(|_| {
            let inner = hop
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            inner.unwrap_or_default().parse()
        });
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn seen<T: AsRef<[u8]>>(peer: &str, forwarded: &[T]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(
                FORWARDED_FOR,
                HeaderValue::from_bytes(value.as_ref()).unwrap(),
            );
        }
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn whoever_is_not_trusted_is_the_client_whatever_they_say() {
        assert_eq!(seen("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(seen::<&str>("192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_says_who_the_client_is() {
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("fd00::1", &["[2001:db8::9]:443"]), "2001:db8::9");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9:5678"]), "203.0.113.9");
        assert_eq!(seen::<&str>("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn of_several_hops_the_last_that_is_not_ours_counts() {
        let spoofed = "198.51.100.7, 203.0.113.9, 10.0.0.2";
        assert_eq!(seen("10.0.0.1", &[spoofed]), "203.0.113.9");
        // In lines of their own they are one list (RFC 9110 section 5.3).
        assert_eq!(
            seen("10.0.0.1", &["198.51.100.7", "203.0.113.9"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn what_is_no_address_ends_the_trust() {
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, , 10.0.0.2"]), "10.0.0.2");
    }

    /// Or else whoever sends such a byte would come from the proxy.
    #[test]
    fn what_is_no_text_before_the_client_hides_nobody() {
        let spoofed = b"\xff\x80, 203.0.113.9";
        assert_eq!(seen("10.0.0.1", &[spoofed]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &[b"203.0.113.9, \xff"]), "10.0.0.1");
    }

    #[test]
    fn private_networks_end_where_the_world_begins() {
        let private = |address: &str| is_private(address.parse().unwrap());
        for address in [
            "127.9.9.9",
            "10.255.255.255",
            "172.31.0.1",
            "192.168.0.1",
            "100.127.0.1",
        ] {
            assert!(private(address), "{address}");
        }
        for address in [
            "169.254.1.1",
            "::1",
            "fdff::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(private(address), "{address}");
        }
        for address in [
            "11.0.0.0",
            "172.32.0.1",
            "192.169.0.1",
            "100.128.0.1",
            "100.63.0.1",
        ] {
            assert!(!private(address), "{address}");
        }
        for address in ["0.0.0.0", "::", "2001:db8::1", "::ffff:11.0.0.1", "ff02::1"] {
            assert!(!private(address), "{address}");
        }
    }

    #[test]
    fn an_address_of_version_4_is_the_same_in_version_6() {
        assert_eq!(
            seen("::ffff:10.0.0.1", &["::ffff:203.0.113.9"]),
            "203.0.113.9"
        );
    }
}

//! Who may talk to the relay.
//!
//! - **Host**: a page of another site can make a browser send requests here under its own name by
//!   pointing that name at this machine (DNS rebinding). So the Host header must be a loopback
//!   name or address, the address that the connection came in on, or a name that was allowed.
//! - **Origin**: browsers say which page a WebSocket or POST comes from; it must be one of ours.
//! - **Token**: needed where others than this machine's users can connect.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use http::{StatusCode, Uri};
use thiserror::Error;

/// What a request is judged by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    /// All headers.
    pub(crate) headers: HeaderMap,
    /// Parameters of the address, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    /// The address that the connection came in on.
    pub(crate) local: Option<SocketAddr>,
}

impl Head {
    fn header(&self, name: http::HeaderName) -> Result<Option<&str>, Denied> {
        let mut values = self.headers.get_all(&name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        match (value.to_str(), values.next()) {
            (Ok(text), None) => Ok(Some(text)),
            _ => Err(Denied::BadHeader(name)),
        }
    }
}

/// Why a request is turned away.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Denied {
    /// A header that can't be understood.
    #[error("the {0} header makes no sense")]
    BadHeader(http::HeaderName),
    /// There is no Host.
    #[error("the request names no host")]
    NoHost,
    /// A name that isn't ours.
    #[error(
        "this relay does not answer to the host {0:?}; start it with --allow-host to change that"
    )]
    Host(String),
    /// A page that isn't ours.
    #[error("pages of {0:?} may not talk to this relay")]
    Origin(String),
    /// The token is missing or wrong.
    #[error("this relay needs its token, as ?token= or in an Authorization: Bearer header")]
    Token,
}

impl Denied {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Denied::BadHeader(_) | Denied::NoHost => StatusCode::BAD_REQUEST,
            Denied::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Denied::Origin(_) => StatusCode::FORBIDDEN,
            Denied::Token => StatusCode::UNAUTHORIZED,
        }
    }
}

/// The rules of one relay.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    token: Option<String>,
    allowed_hosts: Vec<String>,
    bound: SocketAddr,
}

impl Guard {
    /// Rules for a relay that listens on this address.
    pub(crate) fn new(
        token: Option<String>,
        allowed_hosts: Vec<String>,
        bound: SocketAddr,
    ) -> Self {
        Self { token, allowed_hosts, bound }
    }

    /// Whether the request is addressed to this relay.
    ///
    /// # Errors
    /// Why it isn't.
    pub(crate) fn host(&self, head: &Head) -> Result<(), Denied> {
        let host = head.header(HOST)?.ok_or(Denied::NoHost)?;
        let name = host_name(host).ok_or(Denied::BadHeader(HOST))?;
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let ours = match address {
            Ok(address) => {
                address.is_loopback()
                    || address == self.bound.ip()
                    || head.local.is_some_and(|local| local.ip() == address)
            }
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        };
        if ours || self.allows(host, name) { Ok(()) } else { Err(Denied::Host(cut(host))) }
    }

    /// Whether the page that sends the request, if a page does, is one of ours.
    ///
    /// # Errors
    /// Why it isn't.
    pub(crate) fn origin(&self, head: &Head) -> Result<(), Denied> {
        let Some(origin) = head.header(ORIGIN)? else { return Ok(()) };
        let authority = origin.parse::<Uri>().ok().filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.path().len() <= 1
        });
        let authority = authority.and_then(|uri| uri.authority().map(ToString::to_string));
        let host = head.header(HOST)?.unwrap_or_default();
        let same = authority.is_some_and(|authority| {
            authority.eq_ignore_ascii_case(host)
                || self.allowed_hosts.iter().any(|allowed| {
                    // A bare name allows no page on another of its ports.
                    allowed.eq_ignore_ascii_case(&authority) && allowed.contains(':')
                })
        });
        if same { Ok(()) } else { Err(Denied::Origin(cut(origin))) }
    }

    /// Whether the request carries the token, where one is needed.
    ///
    /// # Errors
    /// That it doesn't.
    pub(crate) fn token(&self, head: &Head) -> Result<(), Denied> {
        let Some(token) = &self.token else { return Ok(()) };
        let bearer = head.header(AUTHORIZATION)?.and_then(|value| value.split_once(' '));
        let bearer = bearer
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, given)| given.trim());
        let parameter = head.query.iter().find(|(name, _)| name == "token");
        let given = bearer.or(parameter.map(|(_, given)| given.as_str()));
        if given.is_some_and(|given| same_secret(given, token)) {
            Ok(())
        } else {
            Err(Denied::Token)
        }
    }

    fn allows(&self, host: &str, name: &str) -> bool {
        self.allowed_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(name))
    }
}

/// The host without its port; none for what is no host.
fn host_name(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            (host.get(..end)?, host.get(end..)?)
        }
        None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let boring = |c: char| c.is_ascii_alphanumeric() || "-._[]:%".contains(c);
    (!name.is_empty() && name.chars().all(boring) && port.bytes().all(|b| b.is_ascii_digit()))
        .then_some(name)
}

/// Compares in a time that says nothing of where the two differ.
fn same_secret(given: &str, secret: &str) -> bool {
    let (given, secret) = (given.as_bytes(), secret.as_bytes());
    let differs = given.iter().zip(secret).fold(0u8, |differs, (a, b)| differs | (a ^ b));
    std::hint::black_box(differs) == 0 && given.len() == secret.len()
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&'static str, &str)]) -> Head {
        let mut head = Head::default();
        for (name, value) in pairs {
            head.headers.append(*name, value.parse().unwrap());
        }
        head
    }

    fn guard() -> Guard {
        let allowed = vec!["cover.example".to_owned(), "127.0.0.1:8080".to_owned()];
        Guard::new(Some("sesame".into()), allowed, "10.1.2.3:7777".parse().unwrap())
    }

    #[test]
    fn only_our_own_names_are_answered_to() {
        for host in [
            "localhost",
            "LOCALHOST:7777",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:7777",
            "10.1.2.3",
            "cover.example:443",
            "Cover.Example",
        ] {
            assert_eq!(guard().host(&head(&[("host", host)])), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.1.2.4",
            "0.0.0.0:7777",
            "evil.example:7777",
            "cover.example.evil",
        ] {
            let denied = guard().host(&head(&[("host", host)])).unwrap_err();
            assert_eq!(denied, Denied::Host(host.into()));
        }
        for host in ["", "a b", "[::1", "localhost:x", "localhost@evil", "a/b"] {
            let denied = guard().host(&head(&[("host", host)])).unwrap_err();
            assert_eq!(denied.status(), 400, "{host}");
        }
        assert_eq!(guard().host(&head(&[])), Err(Denied::NoHost));
        let twice = head(&[("host", "localhost"), ("host", "evil.example")]);
        assert_eq!(guard().host(&twice), Err(Denied::BadHeader(HOST)));
    }

    #[test]
    fn the_address_a_connection_came_in_on_is_ours() {
        let mut head = head(&[("host", "192.168.7.7:7777")]);
        assert!(guard().host(&head).is_err());
        head.local = Some("192.168.7.7:7777".parse().unwrap());
        assert_eq!(guard().host(&head), Ok(()));
    }

    #[test]
    fn only_our_own_pages_may_act() {
        let from = |origin| head(&[("host", "localhost:7777"), ("origin", origin)]);
        assert_eq!(guard().origin(&head(&[("host", "localhost:7777")])), Ok(()));
        assert_eq!(guard().origin(&from("http://localhost:7777")), Ok(()));
        assert_eq!(guard().origin(&from("http://127.0.0.1:8080")), Ok(()));
        for origin in [
            "null",
            "",
            "http://localhost:8080",
            "http://localhost",
            "https://evil.example",
            "http://cover.example",
            "file://localhost:7777",
            "http://localhost:7777/x",
            "http://evil@localhost:7777",
        ] {
            assert!(guard().origin(&from(origin)).is_err(), "{origin}");
        }
    }

    #[test]
    fn the_token_comes_by_header_or_parameter() {
        assert_eq!(guard().token(&head(&[])), Err(Denied::Token));
        assert_eq!(guard().token(&head(&[("authorization", "Bearer sesame")])), Ok(()));
        for wrong in ["Bearer sesam", "Bearer sesames", "Bearer ", "sesame", "Basic sesame"] {
            assert!(guard().token(&head(&[("authorization", wrong)])).is_err(), "{wrong}");
        }
        let query = vec![("token".to_owned(), "sesame".to_owned())];
        assert_eq!(guard().token(&Head { query, ..Head::default() }), Ok(()));
    }
}

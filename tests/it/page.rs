//! The page that the binary carries: whole, packed, and allowed to run by its own policy.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use sha2::{Digest as _, Sha256};
use tests::Scratch;
use tests::served::Served;

struct Reply {
    head: String,
    body: Vec<u8>,
}

fn get(served: &Served, path: &str, accept: &str) -> Reply {
    let mut stream = TcpStream::connect(&served.address).expect("the relay is there");
    let address = &served.address;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("it answers");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    Reply { head, body: bytes.split_off(end) }
}

/// Values of an attribute, wherever it occurs.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!("{attribute}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn the_page_is_there_and_all_that_it_links() {
    let scratch = Scratch::new("page");
    let served = Served::start(scratch.path(), &["--no-collector"]);
    let page = get(&served, "/", "identity");
    let html = String::from_utf8(page.body).expect("the page is text");
    assert!(!html.contains("COVERGLASS_PAGE=skip"), "this binary was built without its page");
    assert!(!html.contains("data-trunk"), "a link was left to Trunk:\n{html}");
    let mut links = values(&html, "href");
    links.extend(values(&html, "src"));
    links.retain(|link| link.starts_with('/'));
    for kind in [".js", ".wasm", ".css"] {
        assert!(links.iter().any(|link| link.ends_with(kind)), "no {kind} in {links:?}");
    }
    for link in links {
        let reply = get(&served, link, "gzip, br");
        assert!(reply.head.starts_with("http/1.1 200"), "{link}: {}", reply.head);
        let mime = match link.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("wasm") => "application/wasm",
            Some("css") => "text/css",
            _ => continue,
        };
        assert!(reply.head.contains(&format!("content-type: {mime}")), "{link}: {}", reply.head);
        assert!(reply.head.contains("content-encoding: br"), "{link}: {}", reply.head);
        assert!(reply.head.contains("immutable"), "{link}: {}", reply.head);
        assert!(!reply.body.is_empty());
    }
}

#[test]
fn the_policy_allows_the_inline_scripts_and_no_others() {
    let scratch = Scratch::new("page");
    let served = Served::start(scratch.path(), &["--no-collector"]);
    let page = get(&served, "/", "identity");
    let policy = page.head.lines().find(|line| line.starts_with("content-security-policy"));
    let policy = policy.expect("the page has a policy");
    // The page and the document of traces have one policy.
    let mut n_scripts = 0;
    for document in ["/", "/trace.html"] {
        let html = String::from_utf8(get(&served, document, "identity").body);
        let html = html.expect("the document is text");
        let scripts: Vec<&str> = html
            .split("<script")
            .skip(1)
            .filter_map(|part| part.split_once('>'))
            .filter(|(attributes, _)| !attributes.contains("src="))
            .filter_map(|(_, rest)| rest.split("</script>").next())
            .collect();
        assert!(!scripts.is_empty(), "{document}: nothing starts it");
        n_scripts += scripts.len();
        for script in scripts {
            // The head was lowercased, and so is what it must contain.
            let hash = format!("'sha256-{}'", base64(&Sha256::digest(script.as_bytes())));
            assert!(policy.contains(&hash.to_lowercase()), "{document}: {hash} is not in {policy}");
        }
    }
    assert_eq!(policy.matches("'sha256-").count(), n_scripts, "{policy}");
    for word in ["unsafe-inline", "unsafe-eval'", "*"] {
        let allowed = policy.replace("'wasm-unsafe-eval'", "");
        assert!(!allowed.contains(word), "{policy}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .map(|chunk| {
            let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte))
                << (8 * (3 - chunk.len()));
            (0..4)
                .map(|i| match i <= chunk.len() {
                    true => ALPHABET[(word >> (18 - 6 * i) & 63) as usize] as char,
                    false => '=',
                })
                .collect::<String>()
        })
        .collect()
}

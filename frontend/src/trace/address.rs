//! What is looked at, as it stands in the address after `#`: names and values, so that a link
//! opens the same picture again.

/// Names and values, in the order in which they stand in the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address(Vec<(String, String)>);

impl Address {
    /// Reads `#name=value&name=value`. What has no name is left out.
    pub fn read(hash: &str) -> Self {
        let hash = hash.strip_prefix('#').unwrap_or(hash);
        let pairs = hash.split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (!name.is_empty()).then(|| (decoded(name), decoded(value)))
        });
        Self(pairs.collect())
    }

    /// The first value with a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// Sets a value; an empty one is taken away.
    pub fn set(&mut self, name: &str, value: &str) {
        let at = self.0.iter().position(|(of, _)| of == name);
        match (at, value.is_empty()) {
            (Some(at), true) => drop(self.0.remove(at)),
            (Some(at), false) => {
                if let Some(pair) = self.0.get_mut(at) {
                    value.clone_into(&mut pair.1);
                }
            }
            (None, true) => {}
            (None, false) => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// The address, with its `#`; empty if there is nothing in it.
    pub fn write(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.0 {
            text.push(if text.is_empty() { '#' } else { '&' });
            encode(&mut text, name);
            text.push('=');
            encode(&mut text, value);
        }
        text
    }
}

fn encode(text: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(byte.into()),
            b'-' | b'.' | b'_' | b'~' | b',' | b':' | b'/' | b'@' | b'*' | b'(' | b')' => {
                text.push(byte.into());
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        let pair = (byte == b'%').then(|| {
            let mut digits = rest.clone();
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(digits.next())?, digit(digits.next())?);
            u8::try_from(high * 16 + low).ok()
        });
        match pair.flatten() {
            Some(coded) => {
                rest.next();
                rest.next();
                bytes.push(coded);
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut address = Address::default();
        assert_eq!(address.write(), "");
        for (name, value) in [("t", "0-12.5"), ("q", "a b&c=d%#é"), ("go", "7@100")] {
            address.set(name, value);
        }
        address.set("go", "8@100");
        address.set("none", "");
        assert_eq!(address.write(), "#t=0-12.5&q=a%20b%26c%3Dd%25%23%C3%A9&go=8@100");
        assert_eq!(Address::read(&address.write()), address);
        address.set("q", "");
        assert_eq!(address.value("q"), None);
    }

    #[test]
    fn what_is_no_address_is_read_as_far_as_it_goes() {
        let address = Address::read("#&=x&t&q=%zz%4&q=2&%");
        assert_eq!(address.value("t"), Some(""));
        assert_eq!(address.value("q"), Some("%zz%4"));
        assert_eq!(address.value("%"), Some(""));
        assert_eq!(Address::read(""), Address::default());
    }
}

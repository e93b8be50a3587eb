//! Names of functions as their languages write them, from those that linkers see.
//!
//! C++ as the Itanium ABI mangles it, and Rust in both of its schemes, without hashes and crate
//! disambiguators. LLVM puts the source in front of what only that one sees, as in `a.cpp:_ZL1fv`
//! or, since version 18, `a.cpp;_ZL1fv`, and it stays there.

use std::fmt::{self, Write};

/// Bytes of a name that is shown; some short ones would become endless.
const NAME_BYTES: usize = 4_096;

/// The name as it is written in its source; as it stands if it is none that can be told.
pub(crate) fn demangled(name: &str) -> String {
    let at = name.rfind([':', ';']).map_or(0, |at| at + 1);
    let Some((source, symbol)) = name.split_at_checked(at) else { return name.to_owned() };
    let shown = if symbol.starts_with("_R") || (symbol.starts_with("_ZN") && symbol.contains("17h"))
    {
        rust(symbol).or_else(|| cpp(symbol))
    } else {
        cpp(symbol)
    };
    shown.map_or_else(|| name.to_owned(), |shown| format!("{source}{shown}"))
}

fn rust(symbol: &str) -> Option<String> {
    let symbol = rustc_demangle::try_demangle(symbol).ok()?;
    let mut shown = Bounded::default();
    write!(shown, "{symbol:#}").ok()?;
    Some(shown.0)
}

fn cpp(symbol: &str) -> Option<String> {
    if !symbol.starts_with("_Z") {
        return None;
    }
    let mut shown = Bounded::default();
    let symbol = cpp_demangle::Symbol::new(symbol).ok()?;
    symbol.structured_demangle(&mut shown, &Default::default()).ok()?;
    Some(shown.0)
}

/// Text that refuses to grow without end.
#[derive(Default)]
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > NAME_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_source() {
        for (name, shown) in [
            ("_ZN5GuardC2ERi", "Guard::Guard(int&)"),
            ("shapes.cpp:_ZL4fitsi", "shapes.cpp:fits(int)"),
            ("/src/a b;c.cpp;_ZL4fitsi", "/src/a b;c.cpp;fits(int)"),
            ("_ZN5krate5parse17h0123456789abcdefE", "krate::parse"),
            ("_RNvCsamIpITnTCNW_5krate5parse", "krate::parse"),
            ("_RINvCsamIpITnTCNW_5krate4showReKj1_ECs5anu6RK33Dh_5krate", "krate::show::<&str, 1>"),
            ("_RINvCsamIpITnTCNW_5krate4showlKj3_ECs5anu6RK33Dh_5krate", "krate::show::<i32, 3>"),
            (
                "_RNvNtCsamIpITnTCNW_5krateu9gre_6ka8iu7lan_9laCs5anu6RK33Dh_5krate",
                "krate::größe::élan",
            ),
        ] {
            assert_eq!(demangled(name), shown);
        }
    }

    #[test]
    fn what_is_no_symbol_stays() {
        for name in ["", "main", "_", "_Z", "_R", "_ZNoSuchThing", "a.c:main", "x::y", "ü;", "Réal"]
        {
            assert_eq!(demangled(name), name);
        }
    }

    #[test]
    fn endless_names_stay() {
        // Each pair doubles what stands before it.
        let doubled: String = (0..40).map(|index| format!("S{index:X}_S{index:X}_")).collect();
        let name = format!("_Z1fI1AEvT_{doubled}");
        assert!(demangled(&name).len() <= NAME_BYTES.max(name.len()));
    }
}

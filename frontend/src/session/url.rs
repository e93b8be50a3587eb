//! What is looked at, as a link.
//!
//! ```text
//! #/1/TAB?service=…&build=…&process=…&opened=…&test=…&f=FILE&fn=FUNCTION&L=FROM-TO&q=FILTER&show=…&sort=…&panel=…
//! ```
//!
//! The number is the version of this form; links of another version open the start. Fields that
//! hold their default are left out.

use super::model::hex;
use super::scope::Scope;

/// Version of the form.
pub const VERSION: &str = "1";

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
        pub enum $name {
            $($(#[$item_doc])* $item,)*
        }

        impl $name {
            /// All of them, in the order in which they are offered.
            pub const ALL: &[$name] = &[$($name::$item,)*];

            /// Its word in links.
            pub fn word(self) -> &'static str {
                match self { $($name::$item => $word,)* }
            }

            /// What a word in a link means; the default where it means nothing.
            pub fn from_word(word: &str) -> Self {
                Self::ALL.iter().copied().find(|item| item.word() == word).unwrap_or_default()
            }
        }
    };
}

words! {
    /// What the middle shows.
    Tab {
        /// The source of a file.
        #[default]
        Source = "source",
        /// All functions, most uncovered first.
        Functions = "functions",
        /// What ran between marks.
        Recordings = "recordings",
        /// What of a diff is covered.
        Patch = "patch",
    }
}

words! {
    /// What the panel on the right shows.
    Panel {
        /// What ran just now.
        #[default]
        Now = "now",
        /// Traced goroutines.
        Goroutines = "goroutines",
        /// Services and processes.
        Processes = "processes",
        /// Opened profiles.
        Opened = "opened",
    }
}

words! {
    /// Which rows of the tree are shown.
    Show {
        /// All.
        #[default]
        All = "all",
        /// What was hit in the last seconds.
        Hot = "hot",
        /// What has uncovered statements.
        Uncovered = "uncovered",
    }
}

words! {
    /// How siblings in the tree are sorted.
    Sort {
        /// By name.
        #[default]
        Name = "name",
        /// Least covered first.
        Coverage = "coverage",
        /// Most uncovered statements first.
        Uncovered = "uncovered",
        /// Hit last first.
        Recent = "recent",
    }
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// What the middle shows.
    pub tab: Tab,
    /// Which processes.
    pub scope: Scope,
    /// The test of which only is shown what it ran; empty for all that ran.
    pub test: String,
    /// Name of the open file.
    pub file: Option<String>,
    /// Function to show in it.
    pub function: Option<String>,
    /// Selected lines, first and last.
    pub lines: Option<(u32, u32)>,
    /// Filter of the tree.
    pub query: String,
    /// Which rows of the tree.
    pub show: Show,
    /// Their order.
    pub sort: Sort,
    /// What the panel on the right shows.
    pub panel: Panel,
}

impl Route {
    /// The route as the part of a link from `#` on.
    pub fn to_hash(&self) -> String {
        let mut hash = ["#/", VERSION, "/", self.tab.word()].concat();
        let mut sign = '?';
        let mut put = |name: &str, value: &str| {
            hash.push(sign);
            hash.push_str(name);
            hash.push('=');
            encode(value, &mut hash);
            sign = '&';
        };
        match &self.scope {
            Scope::Newest => {}
            Scope::Service(service) => put("service", service),
            Scope::Build(service, build) => {
                put("service", service);
                put("build", build);
            }
            Scope::Process(key) => put("process", key),
            Scope::Opened(id) => put("opened", id),
        }
        let lines = match self.lines {
            None => String::new(),
            Some((from, to)) if from == to => from.to_string(),
            Some((from, to)) => format!("{from}-{to}"),
        };
        for (name, text, default) in [
            ("test", &*self.test, ""),
            ("f", self.file.as_deref().unwrap_or_default(), ""),
            ("fn", self.function.as_deref().unwrap_or_default(), ""),
            ("L", &lines, ""),
            ("q", &self.query, ""),
            ("show", self.show.word(), Show::default().word()),
            ("sort", self.sort.word(), Sort::default().word()),
            ("panel", self.panel.word(), Panel::default().word()),
        ] {
            if text != default {
                put(name, text);
            }
        }
        hash
    }

    /// The route of a link's part from `#` on. What it doesn't know is left at its default.
    pub fn from_hash(hash: &str) -> Self {
        let mut route = Route::default();
        let rest = hash.trim_start_matches('#').trim_start_matches('/');
        let Some(rest) = rest.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('/')) else {
            return route;
        };
        let (tab, query) = rest.split_once('?').unwrap_or((rest, ""));
        route.tab = Tab::from_word(tab);
        let (mut service, mut build) = (None, None);
        for field in query.split('&') {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let value = decode(value);
            match name {
                "service" => service = Some(value),
                "build" => build = Some(value),
                "process" => route.scope = Scope::Process(value),
                "opened" => route.scope = Scope::Opened(value),
                "test" => route.test = value,
                "f" => route.file = Some(value),
                "fn" => route.function = Some(value),
                "L" => route.lines = parse_lines(&value),
                "q" => route.query = value,
                "show" => route.show = Show::from_word(&value),
                "sort" => route.sort = Sort::from_word(&value),
                "panel" => route.panel = Panel::from_word(&value),
                _ => {}
            }
        }
        if let (Some(service), Scope::Newest) = (service, &route.scope) {
            route.scope = match build {
                Some(build) => Scope::Build(service, build),
                None => Scope::Service(service),
            };
        }
        route
    }
}

fn parse_lines(text: &str) -> Option<(u32, u32)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    Some(if from <= to { (from, to) } else { (to, from) })
}

/// Percent-encodes all but what may stand in a fragment and is no separator of ours.
pub fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/*:@!()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex(&[byte]).to_ascii_uppercase());
        }
    }
}

pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|&b| char::from(b).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_read_back() {
        let route = Route {
            tab: Tab::Functions,
            scope: Scope::Build("a b".into(), "0123".into()),
            test: "a::b[x y]|run".into(),
            file: Some("example.com/a/ä&=.go".into()),
            function: Some("*T.Add".into()),
            lines: Some((3, 14)),
            query: "x y".into(),
            show: Show::Hot,
            sort: Sort::Recent,
            panel: Panel::Goroutines,
        };
        assert_eq!(Route::from_hash(&route.to_hash()), route);
    }

    #[test]
    fn defaults_are_left_out() {
        assert_eq!(Route::default().to_hash(), "#/1/source");
        let route =
            Route { scope: Scope::Process("00ff".into()), lines: Some((7, 7)), ..Route::default() };
        assert_eq!(route.to_hash(), "#/1/source?process=00ff&L=7");
    }

    #[test]
    fn links_of_another_version_and_nonsense_open_the_start() {
        for hash in ["", "#", "#/2/functions?q=x", "#/1x/functions", "#top"] {
            assert_eq!(Route::from_hash(hash), Route::default(), "{hash}");
        }
        let odd = Route::from_hash("#/1/nowhere?L=9-x&f=%zz%4&show=&=&lines");
        assert_eq!(odd, Route { file: Some("%zz%4".into()), ..Route::default() });
        assert_eq!(Route::from_hash("#/1/source?L=9-3").lines, Some((3, 9)));
    }
}

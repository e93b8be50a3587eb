//! Lines of stacks, and how often they ran: a trace names files as the compiler was given them, a
//! profile by their import paths.

use algebra::paths::best_match;
use coverage::{FileIdx, Profile};

/// A profile, looked at line by line.
#[derive(Debug, Clone)]
pub struct Lines {
    profile: Profile,
}

/// What is known of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its file, as the profile names it.
    pub path: String,
    /// The largest count of the units on it; none where there is nothing to cover.
    pub count: Option<u64>,
}

impl Lines {
    /// Of a profile.
    pub fn of(profile: Profile) -> Self {
        Self { profile }
    }

    /// The line of a file that a stack names. `None` where the profile has no such file, or
    /// several that could be it.
    pub fn at(&self, file: &str, line: u32) -> Option<Line> {
        let shape = self.profile.shape();
        let paths = || shape.files().iter().map(|file| file.path.as_str());
        let path = best_match(file, paths())?;
        // A name alone says nothing: every program has a main.go.
        let folder = |path: &str| path.rsplit('/').nth(1).map(str::to_owned);
        if folder(path) != folder(file) && folder(file).is_some() && !self.is_alone(path) {
            return None;
        }
        let at = (0..).map(FileIdx).zip(paths()).find(|(_, of)| *of == path)?.0;
        let units = shape.unit_indexes().filter(|unit| shape.file_of(*unit) == at);
        let here = units.filter(|unit| {
            let span = shape.unit(*unit).span;
            (span.start.line..=span.end.line).contains(&line)
        });
        let count = here.map(|unit| self.profile.count(unit)).max();
        Some(Line { path: path.to_owned(), count })
    }

    /// Whether all files of the profile lie in one folder: a program of one package, which may be
    /// built anywhere.
    fn is_alone(&self, path: &str) -> bool {
        let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let own = folder(path);
        self.profile.shape().files().iter().all(|file| folder(file.path.as_str()) == own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Lines {
        let mut notes = formats::Notes::default();
        Lines::of(formats::go_text::read("x", text.as_bytes(), &mut notes).unwrap())
    }

    #[test]
    fn files_are_found_by_their_ends_and_lines_have_the_largest_count() {
        let lines = lines(
            "mode: count\n\
             ex.com/shop/cart/cart.go:3.1,5.2 2 7\n\
             ex.com/shop/cart/cart.go:5.2,9.2 1 30\n\
             ex.com/shop/main.go:1.1,2.2 1 0\n",
        );
        let at = |file, line| lines.at(file, line).map(|line| (line.path, line.count));
        let cart = || "ex.com/shop/cart/cart.go".to_owned();
        assert_eq!(at("/src/shop/cart/cart.go", 4), Some((cart(), Some(7))));
        assert_eq!(at("ex.com/shop/cart/cart.go", 5), Some((cart(), Some(30))));
        assert_eq!(at("/src/shop/cart/cart.go", 10), Some((cart(), None)));
        assert_eq!(at("/src/shop/main.go", 1), Some(("ex.com/shop/main.go".to_owned(), Some(0))));
        assert_eq!(at("/go/src/net/http/main.go", 1), None, "another program's");
        assert_eq!(at("/go/src/runtime/proc.go", 1), None);
    }

    #[test]
    fn a_program_of_one_package_may_be_built_anywhere() {
        let lines = lines("mode: set\nex.com/a/main.go:1.1,2.2 1 1\nex.com/a/b.go:1.1,2.2 1 1\n");
        assert_eq!(lines.at("/tmp/x7/main.go", 1).unwrap().count, Some(1));
    }
}

//! Lines of stacks, and how often they ran: a trace names files as the compiler was given them, a
//! profile by their import paths.

use algebra::paths::best_match;
use coverage::{FileIdx, Profile};

/// Lines beyond this have no counts.
const MOST_LINES: usize = 1 << 20;

/// A profile, looked at line by line.
#[derive(Debug, Clone)]
pub struct Lines {
    profile: Profile,
}

/// What is known of the lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileLines {
    /// The file, as the profile names it.
    pub path: String,
    /// The largest count of the units on each line, from the first line on; none where there is
    /// nothing to cover.
    pub counts: Vec<Option<u64>>,
}

impl FileLines {
    /// How often a line ran; none where there is nothing to cover.
    pub fn count(&self, line: u32) -> Option<u64> {
        let at = usize::try_from(line).ok()?.checked_sub(1)?;
        self.counts.get(at).copied().flatten()
    }
}

impl Lines {
    /// Of a profile.
    pub fn of(profile: Profile) -> Self {
        Self { profile }
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The file that a stack names. `None` where the profile has no such file, or several that
    /// could be it.
    pub fn file(&self, file: &str) -> Option<FileLines> {
        let shape = self.profile.shape();
        let paths = || shape.files().iter().map(|file| file.path.as_str());
        let path = best_match(file, paths())?;
        // A name alone says nothing: every program has a main.go.
        let folder = |path: &str| path.rsplit('/').nth(1).map(str::to_owned);
        if folder(path) != folder(file) && folder(file).is_some() && !self.is_alone(path) {
            return None;
        }
        let at = (0..).map(FileIdx).zip(paths()).find(|(_, of)| *of == path)?.0;
        let mut counts: Vec<Option<u64>> = Vec::new();
        for unit in shape.unit_indexes().filter(|unit| shape.file_of(*unit) == at) {
            let span = shape.unit(unit).span;
            let [first, last] = [span.start.line, span.end.line].map(|line| line as usize);
            let last = last.min(MOST_LINES);
            if counts.len() < last {
                counts.resize(last, None);
            }
            let count = Some(self.profile.count(unit));
            let here = counts.get_mut(first.saturating_sub(1)..last).unwrap_or_default();
            here.iter_mut().for_each(|of| *of = count.max(*of));
        }
        Some(FileLines { path: path.to_owned(), counts })
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
        let at = |file, line| lines.file(file).map(|of| (of.path.clone(), of.count(line)));
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
        assert_eq!(lines.file("/tmp/x7/main.go").unwrap().count(1), Some(1));
    }
}

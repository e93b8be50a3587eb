//! What stands out.

use serde::{Deserialize, Serialize};

use crate::trace::colors::Shade;

/// What is highlighted; the rest is thin and dim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Highlight {
    /// Nothing: all is as bright as it is of interest.
    #[default]
    All,
    /// Goroutines that wait for others.
    Blocked,
    /// Goroutines that sleep.
    Sleeping,
    /// Goroutines that run.
    Running,
    /// Who sends what to whom.
    Sends,
}

impl Highlight {
    /// All, by the key that chooses them.
    pub const ALL: [Self; 5] =
        [Self::All, Self::Blocked, Self::Sleeping, Self::Running, Self::Sends];

    /// Its name, as addresses have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Blocked => "blocked",
            Self::Sleeping => "sleeping",
            Self::Running => "running",
            Self::Sends => "sends",
        }
    }

    /// The one with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|highlight| highlight.name() == name)
    }

    /// The one that a key chooses, from `0` to `4`.
    pub fn keyed(key: &str) -> Option<Self> {
        Self::ALL.get(key.parse::<usize>().ok()?).copied()
    }

    /// Width of a shade, as a share of the usual, and how far its color is from the background's:
    /// both 1 at most.
    pub fn weight(self, shade: Shade) -> (f32, f32) {
        const DIM: (f32, f32) = (0.22, 0.26);
        let bright = match self {
            Self::All => {
                return match shade {
                    Shade::Running => (1.0, 1.0),
                    Shade::Runnable | Shade::Syscall => (0.85, 1.0),
                    Shade::Channel | Shade::Sync | Shade::Network => (0.55, 0.95),
                    Shade::Sleep | Shade::Other => (0.4, 0.9),
                };
            }
            Self::Blocked => shade.waits() && shade != Shade::Sleep,
            Self::Sleeping => shade == Shade::Sleep,
            Self::Running => shade == Shade::Running,
            Self::Sends => false,
        };
        if bright { (1.0, 1.0) } else { DIM }
    }

    /// How bright links are: creations, and messages.
    pub fn links(self) -> (f32, f32) {
        match self {
            Self::All => (0.45, 1.0),
            Self::Sends => (0.12, 1.6),
            _ => (0.2, 0.12),
        }
    }
}

/// How much wider or thinner than usual lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Width(i32);

impl Width {
    /// One step wider, or thinner.
    pub fn shift(&mut self, wider: bool) {
        self.0 = if wider { self.0 + 1 } else { self.0 - 1 }.clamp(-6, 8);
    }

    /// The factor.
    pub fn factor(self) -> f64 {
        1.3_f64.powi(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_highlight_dims_all_but_its_own() {
        for highlight in &Highlight::ALL[1..4] {
            let bright = Shade::ALL.iter().filter(|shade| highlight.weight(**shade).0 == 1.0);
            let count = bright.count();
            assert_eq!(count, if *highlight == Highlight::Blocked { 4 } else { 1 });
            assert!(highlight.links().1 < Highlight::All.links().1);
        }
        assert!(Highlight::Sends.links().1 > Highlight::All.links().1);
    }

    #[test]
    fn highlights_go_by_key_and_by_name() {
        assert_eq!(Highlight::keyed("2"), Some(Highlight::Sleeping));
        assert_eq!(Highlight::keyed("5"), None);
        for highlight in Highlight::ALL {
            assert_eq!(Highlight::named(highlight.name()), Some(highlight));
        }
    }
}

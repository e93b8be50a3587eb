//! Times as people read them, and the marks of a ruler.

use crate::ui::text::grouped;

/// Units of time, in nanoseconds.
const UNITS: [(f64, &str); 4] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];

/// A stretch of time in four digits at most: `1.234 ms`, `12.3 s`, `250 ns`.
pub fn length(nanos: f64) -> String {
    let nanos = nanos.max(0.0).round();
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| nanos >= *unit).unwrap_or((1.0, "ns"));
    let value = nanos / unit;
    let decimals = match value {
        _ if unit == 1.0 => 0,
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    let mut text = format!("{value:.decimals$}");
    if text.contains('.') {
        let trimmed = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(trimmed);
    }
    format!("{text} {name}")
}

/// A point in time, to the nanosecond: `1.234 567 890 s` with thin spaces.
pub fn point(nanos: f64) -> String {
    let nanos = whole(nanos);
    let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let groups = [rest / 1_000_000, rest / 1_000 % 1_000, rest % 1_000];
    let last = groups.iter().rposition(|group| *group > 0).unwrap_or(0);
    let parts: Vec<String> =
        groups.iter().take(last + 1).map(|group| format!("{group:03}")).collect();
    format!("{}.{} s", grouped(seconds), parts.join("\u{202f}"))
}

/// A number of nanoseconds from a picture's.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is cut to what u64 holds"
)]
pub fn whole(nanos: f64) -> u64 {
    nanos.max(0.0).round() as u64
}

/// A mark of a ruler.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// When, in nanoseconds.
    pub time: f64,
    /// What stands there; empty for a small mark.
    pub label: String,
}

/// The marks of a ruler from `begin` over `span`, whose labels are at least `apart` from each
/// other, all in nanoseconds. Between two labels are four small marks.
pub fn marks(begin: f64, span: f64, apart: f64) -> Vec<Mark> {
    let step = step(apart);
    let small = step / 5.0;
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| step >= *unit).unwrap_or((1.0, "ns"));
    let mut marks = Vec::new();
    let mut number = (begin / small).ceil();
    // No ruler has more than so many; a span that is no number has none.
    while number * small <= begin + span && marks.len() < 10_000 {
        let time = number * small;
        let label = if number % 5.0 == 0.0 {
            format!("{} {name}", grouped(whole(number / 5.0 * step / unit)))
        } else {
            String::new()
        };
        marks.push(Mark { time, label });
        number += 1.0;
    }
    marks
}

/// The smallest step of 1, 2 or 5 times a power of ten that is no less than this.
fn step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least)
        .unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_a_sensible_unit() {
        for (nanos, text) in [
            (0.0, "0 ns"),
            (999.0, "999 ns"),
            (1_000.0, "1 µs"),
            (1_234.0, "1.234 µs"),
            (12_345_678.0, "12.35 ms"),
            (123_456_789.0, "123.5 ms"),
            (2_500_000_000.0, "2.5 s"),
        ] {
            assert_eq!(length(nanos), text);
        }
    }

    #[test]
    fn points_are_told_to_the_nanosecond() {
        assert_eq!(point(0.0), "0.000 s");
        assert_eq!(point(1_234_567_890.0), "1.234\u{202f}567\u{202f}890 s");
        assert_eq!(point(20_000.0), "0.000\u{202f}020 s");
    }

    #[test]
    fn marks_are_round_and_apart() {
        let marks = marks(1_000.0, 10_000.0, 1_500.0);
        let labels: Vec<&str> = marks
            .iter()
            .map(|mark| mark.label.as_str())
            .filter(|label| !label.is_empty())
            .collect();
        assert_eq!(labels, ["2 µs", "4 µs", "6 µs", "8 µs", "10 µs"]);
        assert_eq!(marks.len(), 25);
        assert!(super::marks(f64::NAN, 1.0, 1.0).is_empty());
        assert_eq!(super::marks(0.0, 3.0, 0.1).iter().filter(|m| !m.label.is_empty()).count(), 4);
    }
}

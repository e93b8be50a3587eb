//! Numbers and times as people read them.

/// A whole number with thin spaces between groups of three: `12 345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A whole number in at most six characters: `99999`, `1.23M`, `18.4E`.
pub fn short(number: u64) -> String {
    if number < 100_000 {
        return number.to_string();
    }
    let (mut scale, mut unit) = (1_000u64, 'k');
    for next in ['M', 'G', 'T', 'P', 'E'] {
        if number / scale < 1_000 {
            break;
        }
        scale *= 1_000;
        unit = next;
    }
    let whole = number / scale;
    let thousandths = number % scale / (scale / 1_000);
    match whole {
        100.. => format!("{whole}{unit}"),
        10.. => format!("{whole}.{}{unit}", thousandths / 100),
        _ => format!("{whole}.{:02}{unit}", thousandths / 10),
    }
}

/// A percentage that says 100 only where nothing is missing, and 0 only where nothing is there.
pub fn percent(covered: u64, total: u64) -> String {
    if total == 0 {
        return "–".into();
    }
    let tenths = covered.saturating_mul(1_000) / total;
    let tenths = if covered > 0 { tenths.max(1) } else { tenths };
    if tenths == 1_000 { "100%".into() } else { format!("{}.{}%", tenths / 10, tenths % 10) }
}

/// How long ago: `now`, `3 s`, `5 min`, `2 h`, `4 d`.
pub fn age(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => "now".into(),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long ago, in a sentence: `just now`, `3 s ago`.
pub fn ago(millis: u64) -> String {
    if millis < 1_000 { "just now".into() } else { format!("{} ago", age(millis)) }
}

/// How long something took: `840 ms`, `12.3 s`, `4 min 5 s`.
pub fn length(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis / 1_000 % 60),
    }
}

/// Events in a second, in few characters: `0.4`, `12`, `3400`, `1.20M`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are small and not negative"
)]
pub fn rate(per_second: f64) -> String {
    let tenths = (per_second * 10.0 + 0.5) as u64;
    match tenths {
        0 => String::new(),
        1..100 => format!("{}.{}", tenths / 10, tenths % 10),
        _ => short(tenths / 10),
    }
}

/// A count and its noun: `1 file`, `2 files`.
pub fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_aligned() {
        for (number, text) in [
            (0, "0"),
            (99_999, "99999"),
            (100_000, "100k"),
            (1_234_567, "1.23M"),
            (18_400_000, "18.4M"),
            (999_999_999, "999M"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(short(number), text);
        }
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(12), "12");
    }

    #[test]
    fn all_and_nothing_are_said_only_when_true() {
        assert_eq!(percent(0, 0), "–");
        assert_eq!(percent(0, 9), "0.0%");
        assert_eq!(percent(1, 1_000_000), "0.1%");
        assert_eq!(percent(999_999, 1_000_000), "99.9%");
        assert_eq!(percent(7, 7), "100%");
    }

    #[test]
    fn times_read_as_people_say_them() {
        assert_eq!(ago(999), "just now");
        assert_eq!(ago(3_400), "3 s ago");
        assert_eq!(age(61_000), "1 min");
        assert_eq!(age(200_000_000), "2 d");
        assert_eq!(length(65_200), "1 min 5 s");
        assert_eq!(length(12_340), "12.3 s");
        assert_eq!(rate(0.42), "0.4");
        assert_eq!(rate(0.01), "");
        assert_eq!(rate(34_000.0), "34000");
        assert_eq!(plural(1, "file"), "1 file");
    }
}

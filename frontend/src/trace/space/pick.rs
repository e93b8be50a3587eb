//! Which line is under the pointer, and which names are shown.

use super::camera::View;
use super::math::Vec3;

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Which line.
    pub line: usize,
    /// Where on it: 0 at its begin, 1 at its end.
    pub part: f64,
}

/// The line that is nearest to a point of the screen, and no farther than `reach` pixels. Among
/// those that are about as near, the one that is nearest to the eye.
pub fn nearest(
    view: &View,
    lines: impl Iterator<Item = (usize, Vec3, Vec3)>,
    x: f64,
    y: f64,
    reach: f64,
) -> Option<Hit> {
    let mut best: Option<(f64, f64, Hit)> = None;
    for (line, a, b) in lines {
        let Some((from, to)) = view.clip(a, b, 0.05) else { continue };
        let (begin, end) = (a + (b - a) * from, a + (b - a) * to);
        let (Some(first), Some(last)) = (view.spot(begin), view.spot(end)) else { continue };
        let (dx, dy) = (last.x - first.x, last.y - first.y);
        let length = dx * dx + dy * dy;
        let share = match length > 1e-12 {
            true => (((x - first.x) * dx + (y - first.y) * dy) / length).clamp(0.0, 1.0),
            false => 0.0,
        };
        let far = (first.x + dx * share - x).hypot(first.y + dy * share - y);
        if far > reach {
            continue;
        }
        // Equal steps on the screen are not equal steps on the line.
        let (near, next) = ((1.0 - share) / first.depth, share / last.depth);
        let depth = (near + next).recip();
        let part = from + (to - from) * (next * depth);
        // Two pixels nearer to the pointer are worth a little nearer to the eye.
        let rank = (far / 2.0).floor();
        let better = best.is_none_or(|(other, behind, _)| (rank, depth) < (other, behind));
        if better {
            best = Some((rank, depth, Hit { line, part }));
        }
    }
    best.map(|(_, _, hit)| hit)
}

/// Where a name stands on the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// Whose name, as it was asked for.
    pub of: usize,
    /// Left edge in pixels.
    pub x: f64,
    /// Lower edge in pixels.
    pub y: f64,
}

/// Room between two names, in pixels.
const GAP: f64 = 3.0;

/// Chooses names so that none overlap: those that come first win. Each has an anchor below its
/// middle, and a width; all have one height.
pub fn labels(
    wanted: impl Iterator<Item = (usize, f64, f64, f64)>,
    height: f64,
    most: usize,
    screen: (f64, f64),
) -> Vec<Label> {
    let mut chosen: Vec<(f64, Label)> = Vec::new();
    for (of, anchor_x, anchor_y, width) in wanted {
        if chosen.len() >= most {
            break;
        }
        let (x, y) = (anchor_x - width / 2.0, anchor_y);
        let outside = x < 0.0 || x + width > screen.0 || y < height || y > screen.1;
        let overlaps = chosen.iter().any(|(other, label)| {
            x < label.x + other + GAP
                && label.x < x + width + GAP
                && (y - label.y).abs() < height + GAP
        });
        if !outside && !overlaps {
            chosen.push((width, Label { of, x, y }));
        }
    }
    chosen.into_iter().map(|(_, label)| label).collect()
}

#[cfg(test)]
mod tests {
    use super::super::camera::Camera;
    use super::super::math::vec3;
    use super::*;

    fn line(x: f64, z: f64) -> (Vec3, Vec3) {
        (vec3(x, 0.8, z), vec3(x, -0.8, z))
    }

    #[test]
    fn each_point_of_a_line_is_found_where_it_is_drawn() {
        let view = Camera::default().view(900.0, 600.0);
        let lines: Vec<_> = (0..20).map(|at| line(f64::from(at) / 10.0 - 1.0, 0.3)).collect();
        for (number, (a, b)) in lines.iter().enumerate() {
            for part in [0.1, 0.5, 0.9] {
                let spot = view.spot(*a + (*b - *a) * part).unwrap();
                let all = lines.iter().enumerate().map(|(number, (a, b))| (number, *a, *b));
                let hit = nearest(&view, all, spot.x + 1.0, spot.y, 8.0).unwrap();
                assert_eq!(hit.line, number);
                assert!((hit.part - part).abs() < 0.01, "{hit:?} {part}");
            }
        }
    }

    #[test]
    fn the_line_in_front_wins_and_none_is_found_far_away() {
        let camera = Camera { yaw: 0.0, pitch: 0.0, ..Camera::default() };
        let view = camera.view(900.0, 600.0);
        let lines = [line(0.0, -0.5), line(0.0, 0.5)];
        let all = || lines.iter().enumerate().map(|(number, (a, b))| (number, *a, *b));
        assert_eq!(nearest(&view, all(), 450.0, 300.0, 8.0).map(|hit| hit.line), Some(1));
        assert_eq!(nearest(&view, all(), 480.0, 300.0, 8.0), None);
        let behind = [line(0.0, 9.0)];
        let all = behind.iter().map(|(a, b)| (0, *a, *b));
        assert_eq!(nearest(&view, all, 450.0, 300.0, 8.0), None);
    }

    #[test]
    fn names_do_not_overlap_and_stay_on_the_screen() {
        let wanted = (0..500).map(|at| {
            let at = f64::from(at);
            ((at as usize), at * 37.0 % 900.0, at * 53.0 % 600.0, 40.0 + at % 30.0)
        });
        let wide = |of: usize| 40.0 + of as f64 % 30.0;
        let chosen = labels(wanted, 14.0, 50, (900.0, 600.0));
        assert_eq!(chosen.len(), 50);
        for (at, a) in chosen.iter().enumerate() {
            assert!(a.x >= 0.0 && a.x + wide(a.of) <= 900.0 && a.y >= 14.0 && a.y <= 600.0);
            for b in &chosen[at + 1..] {
                let apart = a.x + wide(a.of) < b.x || b.x + wide(b.of) < a.x;
                assert!(apart || (a.y - b.y).abs() >= 14.0, "{a:?} {b:?}");
            }
        }
    }
}

//! Goroutines by time as pixels: each column of a row has the colors of what its goroutines did
//! in that time, by share. The cost follows from the pixels and the slices in view, and can be
//! spread over frames.

use gotrace::event::GoState;
use gotrace::trace::{Go, Track};
use gotrace::{Names, Trace};

use super::colors::{Rgb, Shade, Shades, background};
use super::rows::{Kind, Rows};

/// Slices for each column from which on a goroutine's times are looked up instead of walked.
const WALKED: usize = 32;
/// Rows at least so high are told apart by a gap, and waiting is thinner in them.
const GAP: f64 = 6.0;
/// Share of a goroutine's row that waiting takes from above and from below.
const THIN: f64 = 0.22;

/// What a picture shows, in pixels of the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
    /// Its first moment, in nanoseconds.
    pub begin: f64,
    /// Nanoseconds from left to right.
    pub span: f64,
    /// Pixels from the first row's upper end down to the picture's.
    pub top: f64,
    /// Height of a row, less than a pixel where there are many.
    pub row: f64,
}

impl Frame {
    /// The rows that are in a line of pixels.
    pub fn rows(&self, y: usize) -> (usize, usize) {
        let first = ((self.top + y as f64) / self.row).max(0.0);
        let end = ((self.top + y as f64 + 1.0) / self.row).max(0.0);
        let first = floor(first);
        (first, floor(end).max(first + 1))
    }
}

/// What is drawn.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// Its names.
    pub names: &'a Names,
    /// The rows.
    pub rows: &'a Rows,
    /// Its shades.
    pub shades: &'a mut Shades,
    /// Color of each shade, and of what lies behind.
    pub palette: &'a Palette,
}

/// Colors of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette {
    shades: [Rgb; Shade::COUNT],
    back: Rgb,
}

impl Palette {
    /// Colors on light or dark; shades that are not wanted are pale.
    pub fn new(dark: bool, wanted: [bool; Shade::COUNT]) -> Self {
        let back = background(dark);
        let mut shades = Shade::ALL.map(|shade| shade.rgb(dark));
        for (color, wanted) in shades.iter_mut().zip(wanted) {
            if !wanted {
                *color = mixed(back, *color, 0.22);
            }
        }
        Self { shades, back }
    }
}

/// A picture that is being made, from top to bottom.
#[derive(Debug)]
pub struct Raster {
    /// What it shows.
    pub frame: Frame,
    /// Red, green, blue and opacity of each pixel, line by line.
    pub pixels: Vec<u8>,
    /// Lines that are done.
    pub done: usize,
    /// The line that is being made.
    line: Option<Line>,
    /// Time of each shade in each column, in columns.
    parts: Vec<[f32; Shade::COUNT]>,
    /// Goroutines that have a shade from this column on, and that have it no more.
    whole: Vec<[f32; Shade::COUNT]>,
}

/// A line of pixels, or several that show the same.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// Its first row.
    first: usize,
    /// The row after its last.
    end: usize,
    /// The row whose goroutines are being added.
    row: usize,
    /// The next of them.
    member: usize,
    /// Those that were added, of all rows.
    count: usize,
}

impl Raster {
    /// A picture of which nothing is done.
    pub fn new(frame: Frame, palette: &Palette) -> Self {
        let pixel = [palette.back[0], palette.back[1], palette.back[2], 255];
        Self {
            frame,
            pixels: pixel.repeat(frame.width * frame.height),
            done: 0,
            line: None,
            parts: vec![[0.0; Shade::COUNT]; frame.width],
            whole: vec![[0.0; Shade::COUNT]; frame.width + 1],
        }
    }

    /// Makes more of it, until there is enough for now. Says whether all is done.
    pub fn fill(&mut self, scene: &mut Scene, mut enough: impl FnMut() -> bool) -> bool {
        let mut since = 0;
        while self.done < self.frame.height {
            let line = self.line.take().unwrap_or_else(|| {
                let (first, end) = self.frame.rows(self.done);
                Line { first, end, row: first, member: 0, count: 0 }
            });
            let Line { first, end, mut row, mut member, mut count } = line;
            if first >= scene.rows.len() || self.frame.width == 0 {
                self.done = self.frame.height;
                break;
            }
            while row < end.min(scene.rows.len()) {
                let Some(of) = scene.rows.get(row) else { break };
                // Where several rows share a line, an open group is told by its goroutines.
                let twice = end - first > 1 && matches!(of.kind, Kind::Group { open: true, .. });
                let members = if twice { &[][..] } else { scene.rows.members(of) };
                while let Some(go) = members.get(member) {
                    since += self.add(scene, *go);
                    member += 1;
                    count += 1;
                    if since > 4_096 {
                        since = 0;
                        if enough() {
                            self.line = Some(Line { first, end, row, member, count });
                            return false;
                        }
                    }
                }
                member = 0;
                row += 1;
            }
            self.paint(scene, first, end, count);
            since += self.frame.width / 8;
            if since > 4_096 {
                since = 0;
                if enough() {
                    return self.done >= self.frame.height;
                }
            }
        }
        true
    }

    /// Adds what a goroutine did. Gives a measure of the work.
    fn add(&mut self, scene: &mut Scene, go: Go) -> usize {
        let Some(goroutine) = scene.trace.goroutine(go) else { return 1 };
        let track = &goroutine.track;
        let now = scene.trace.duration;
        let begin = super::time::whole(self.frame.begin);
        let end = super::time::whole(self.frame.begin + self.frame.span);
        let slices = track.slices();
        let first = slices.partition_point(|slice| slice.begin <= begin).saturating_sub(1);
        let last = slices.partition_point(|slice| slice.begin < end);
        if last.saturating_sub(first) > WALKED * self.frame.width {
            return self.look_up(scene, track, first);
        }
        let scale = self.frame.width as f64 / self.frame.span;
        for index in first..last {
            let Some(slice) = slices.get(index) else { break };
            let Some(shade) = scene.shades.of(scene.names, slice.state, slice.reason) else {
                continue;
            };
            let from = (slice.begin as f64 - self.frame.begin) * scale;
            let to = (track.end(index, now) as f64 - self.frame.begin) * scale;
            self.stretch(shade as usize, from, to);
        }
        (last - first) + 8
    }

    /// Adds a stretch of one shade, in columns.
    fn stretch(&mut self, shade: usize, from: f64, to: f64) {
        let width = self.frame.width as f64;
        let (from, to) = (from.max(0.0), to.min(width));
        if to <= from {
            return;
        }
        let (first, last) = (floor(from), floor(to));
        if first == last {
            part(&mut self.parts, first, shade, to - from);
            return;
        }
        part(&mut self.parts, first, shade, first as f64 + 1.0 - from);
        part(&mut self.parts, last, shade, to - last as f64);
        part(&mut self.whole, first + 1, shade, 1.0);
        part(&mut self.whole, last, shade, -1.0);
    }

    /// Adds what a goroutine with very many slices did, column by column.
    fn look_up(&mut self, scene: &mut Scene, track: &Track, mut slice: usize) -> usize {
        let now = scene.trace.duration;
        let nanos = self.frame.span / self.frame.width as f64;
        let mut from = super::time::whole(self.frame.begin);
        for column in 0..self.frame.width {
            let to = super::time::whole(self.frame.begin + nanos * (column as f64 + 1.0));
            let times = track.times(from, to, now);
            for (state, time) in gotrace::trace::StateTimes::STATES.into_iter().zip(times.0) {
                if time == 0 {
                    continue;
                }
                if state == GoState::Waiting {
                    // One reason stands for all of them in a column.
                    slice = track.at(from).unwrap_or(slice);
                }
                let slices = track.slices().get(slice..).unwrap_or(&[]);
                let reason = slices.iter().take(WALKED).find(|slice| slice.state == state);
                let reason = reason.map_or(gotrace::StringId::EMPTY, |slice| slice.reason);
                if let Some(shade) = scene.shades.of(scene.names, state, reason) {
                    part(&mut self.parts, column, shade as usize, time as f64 / nanos);
                }
            }
            from = to;
        }
        self.frame.width * 16
    }

    /// Paints the lines of the rows that were added, and forgets what was added.
    fn paint(&mut self, scene: &Scene, first: usize, end: usize, count: usize) {
        let mut lines = 1;
        // All lines of one row are made at once.
        if end - first == 1 {
            while self.done + lines < self.frame.height
                && self.frame.rows(self.done + lines) == (first, end)
            {
                lines += 1;
            }
        }
        let group = scene.rows.get(first).is_some_and(|row| row.kind != Kind::One);
        let tall = end - first == 1 && self.frame.row >= GAP;
        let above = self.frame.top + self.done as f64 - first as f64 * self.frame.row;
        let places: Vec<f64> =
            (0..lines).map(|line| (above + line as f64 + 0.5) / (self.frame.row - 1.0)).collect();
        let mut shares = [0.0f32; Shade::COUNT];
        // A group is as high as its row where most of it is there at once.
        let members = if tall && group { self.peak() } else { count as f32 }.max(1.0);
        // Columns are often like the one before.
        let mut before = [-1.0f32; Shade::COUNT];
        let (mut middle, mut edge) = (scene.palette.back, scene.palette.back);
        for column in 0..self.frame.width {
            let mut here = [0.0f32; Shade::COUNT];
            for shade in 0..Shade::COUNT {
                shares[shade] += self.whole[column][shade];
                here[shade] = shares[shade] + self.parts[column][shade];
            }
            if here != before && !(tall && group) {
                before = here;
                middle = blended(scene.palette, &here, members);
                edge = edged(scene.palette, &here);
            }
            for (line, at) in places.iter().enumerate() {
                let color = match (tall, group) {
                    (false, _) => middle,
                    (true, _) if *at >= 1.0 => scene.palette.back,
                    (true, true) => {
                        stacked(scene.palette, &here, members, 1.0 - at, self.frame.row)
                    }
                    (true, false) if (THIN..=1.0 - THIN).contains(at) => middle,
                    (true, false) => edge,
                };
                self.put(column, line, color);
            }
        }
        self.parts.fill([0.0; Shade::COUNT]);
        self.whole.fill([0.0; Shade::COUNT]);
        self.done += lines;
    }

    /// Most goroutines that are there in a column, on average.
    fn peak(&self) -> f32 {
        let (mut shares, mut most) = (0.0, 0.0f32);
        for (whole, parts) in self.whole.iter().zip(&self.parts) {
            shares += whole.iter().sum::<f32>();
            most = most.max(shares + parts.iter().sum::<f32>());
        }
        most
    }

    fn put(&mut self, column: usize, line: usize, color: Rgb) {
        let at = ((self.done + line) * self.frame.width + column) * 4;
        if let Some(pixel) = self.pixels.get_mut(at..at + 3) {
            pixel.copy_from_slice(&color);
        }
    }
}

fn part(columns: &mut [[f32; Shade::COUNT]], column: usize, shade: usize, time: f64) {
    if let Some(part) = columns.get_mut(column).and_then(|column| column.get_mut(shade)) {
        #[expect(clippy::cast_possible_truncation, reason = "shares need few digits")]
        let time = time as f32;
        *part += time;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places are small and not negative"
)]
fn floor(place: f64) -> usize {
    place.max(0.0) as usize
}

/// The color at the edge of one goroutine's row, where only what is not waiting shows.
fn edged(palette: &Palette, shares: &[f32; Shade::COUNT]) -> Rgb {
    let mut active = *shares;
    let all: f32 = shares.iter().sum();
    active[Shade::Channel as usize..].fill(0.0);
    let sum: f32 = active.iter().sum();
    if sum <= 1e-6 {
        return palette.back;
    }
    let color = weighted(palette, &active);
    mixed(palette.back, color, (sum / all.max(1e-6)).sqrt())
}

/// The color of goroutines that share a column, of so many.
fn blended(palette: &Palette, shares: &[f32; Shade::COUNT], members: f32) -> Rgb {
    let all: f32 = shares.iter().sum();
    if all <= 1e-6 {
        return palette.back;
    }
    // Few among many, and those that live shortly, are seen nevertheless.
    mixed(
        palette.back,
        weighted(palette, shares),
        (all / members).clamp(0.0, 1.0).powf(0.3).max(0.45),
    )
}

/// The mean of colors. What is not waiting counts for more than its time, or it would vanish
/// beside what is.
fn weighted(palette: &Palette, shares: &[f32; Shade::COUNT]) -> Rgb {
    let all: f32 = shares.iter().sum::<f32>().max(1e-6);
    let mut sum = [0.0f32; 3];
    let mut weights = 0.0;
    for (shade, share) in shares.iter().enumerate() {
        let share = (share / all).max(0.0);
        if share <= 1e-4 {
            continue;
        }
        let weight = if shade < Shade::Channel as usize { share.sqrt() } else { share };
        weights += weight;
        for (sum, part) in sum.iter_mut().zip(palette.shades[shade]) {
            *sum += weight * f32::from(part);
        }
    }
    sum.map(|sum| byte(sum / weights.max(1e-6)))
}

/// The color at a height of a group's row, from 0 to 1: its goroutines' shades are stacked by
/// their number.
fn stacked(
    palette: &Palette,
    shares: &[f32; Shade::COUNT],
    members: f32,
    at: f64,
    row: f64,
) -> Rgb {
    #[expect(clippy::cast_possible_truncation, reason = "it is between 0 and 1")]
    let (at, least) = (at as f32, 1.2 / row as f32);
    let mut height = 0.0;
    for (shade, share) in shares.iter().enumerate() {
        let share = share / members;
        if share > 1e-4 {
            // What is there is seen, however little it is.
            height += if shade < Shade::Channel as usize { share.max(least) } else { share };
        }
        if at < height {
            return palette.shades[shade];
        }
    }
    if height > 0.0 && at < least { palette.shades[Shade::Other as usize] } else { palette.back }
}

fn mixed(from: Rgb, to: Rgb, share: f32) -> Rgb {
    let mut color = from;
    for (from, to) in color.iter_mut().zip(to) {
        *from = byte(f32::from(*from) * (1.0 - share) + f32::from(to) * share);
    }
    color
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is cut to what u8 holds"
)]
fn byte(value: f32) -> u8 {
    (value + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::trace::rows::Order;
    use crate::trace::testing;

    fn picture(frame: Frame, order: Order, pieces: bool) -> Vec<Vec<Rgb>> {
        let (names, trace) = testing::family();
        let rows = Rows::new(&trace, order, &BTreeSet::new(), |_| true);
        let palette = Palette::new(false, [true; Shade::COUNT]);
        let mut raster = Raster::new(frame, &palette);
        let mut shades = Shades::default();
        let mut scene = Scene {
            trace: &trace,
            names: &names,
            rows: &rows,
            shades: &mut shades,
            palette: &palette,
        };
        while !raster.fill(&mut scene, || pieces) {}
        raster
            .pixels
            .chunks(frame.width * 4)
            .map(|line| line.chunks(4).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect())
            .collect()
    }

    const FRAME: Frame =
        Frame { width: 200, height: 60, begin: 0.0, span: 200.0, top: 0.0, row: 10.0 };

    #[test]
    fn each_column_has_the_color_of_what_was_done_then() {
        let lines = picture(FRAME, Order::Begin, false);
        let color = |shade: Shade| shade.rgb(false);
        let white = background(false);
        // Main runs, waits for a channel, is runnable, and runs again.
        for (column, shade) in [
            (5, Shade::Running),
            (50, Shade::Channel),
            (100, Shade::Runnable),
            (150, Shade::Running),
        ] {
            assert_eq!(lines[5][column], color(shade), "{column}");
        }
        // Waiting is thin, and rows have a gap between them.
        assert_eq!((lines[0][5], lines[0][50]), (color(Shade::Running), white));
        assert_eq!(lines[9][5], white);
        // A goroutine is not there before it is created, nor after its end.
        assert_eq!(
            (lines[25][10], lines[25][70], lines[25][150]),
            (white, color(Shade::Running), white)
        );
        assert_eq!(lines[15][199], color(Shade::Sync));
        assert_eq!(lines[55][100], white);
    }

    #[test]
    fn a_picture_made_in_pieces_is_the_same() {
        for order in [Order::Tree, Order::Function] {
            for row in [0.4, 1.0, 2.5, 10.0, 17.0] {
                let frame = Frame { row, ..FRAME };
                assert_eq!(picture(frame, order, false), picture(frame, order, true));
            }
        }
    }

    #[test]
    fn short_times_are_seen() {
        // The first 40 ns in one column: a goroutine ran in a fourth of another's wait.
        let frame = Frame { width: 1, span: 120.0, row: 1.0, height: 1, ..FRAME };
        let lines = picture(frame, Order::Begin, false);
        let (run, wait) = (Shade::Running.rgb(false), Shade::Channel.rgb(false));
        assert!(lines[0][0][0] < wait[0] && lines[0][0][0] > run[0], "{:?}", lines[0][0]);
    }

    #[test]
    fn groups_are_stacked_by_number() {
        let frame = Frame { row: 20.0, ..FRAME };
        let lines = picture(frame, Order::Function, false);
        // At 65 one of two workers runs, the other waits for a lock.
        let (top, bottom) = (lines[4][65], lines[14][65]);
        assert_eq!((top, bottom), (Shade::Sync.rgb(false), Shade::Running.rgb(false)));
    }

    #[test]
    fn a_goroutine_with_many_slices_looks_the_same_when_looked_up() {
        let (names, trace) = testing::family();
        let rows = Rows::new(&trace, Order::Begin, &BTreeSet::new(), |_| true);
        let palette = Palette::new(true, [true; Shade::COUNT]);
        let mut shades = Shades::default();
        let mut scene = Scene {
            trace: &trace,
            names: &names,
            rows: &rows,
            shades: &mut shades,
            palette: &palette,
        };
        let frame = Frame { width: 20, ..FRAME };
        let sums = |raster: &Raster| {
            let mut run = [0.0f32; Shade::COUNT];
            let mut all = Vec::new();
            for (whole, part) in raster.whole.iter().zip(&raster.parts) {
                for shade in 0..Shade::COUNT {
                    run[shade] += whole[shade];
                    all.push(run[shade] + part[shade]);
                }
            }
            all
        };
        let mut walked = Raster::new(frame, &palette);
        walked.add(&mut scene, Go(0));
        let mut looked_up = Raster::new(frame, &palette);
        looked_up.look_up(&mut scene, &trace.goroutines[0].track, 0);
        for (a, b) in sums(&walked).into_iter().zip(sums(&looked_up)) {
            assert!((a - b).abs() < 0.11, "{a} {b}");
        }
    }
}

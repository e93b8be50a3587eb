//! What is drawn of a trace, as numbers for the graphics card.
//!
//! Goroutines that the camera sees and can tell apart are lines: a segment for each state, or,
//! where there are more of them than pixels, for the state that lasted longest in each. The rest
//! are ribbons of their [`Groups`]. Links join the two, or are joined themselves. However large
//! the trace, what is drawn stays within a [`Budget`], and it does not change while time goes on:
//! the shaders know the time, and leave out what comes later.
//!
//! ```text
//! segment := node u32 · begin f32 · end f32 · shade 0..4 | RIBBON | PALE | lanes 8..20, 20..32
//! link    := from u32 · to u32 · time f32 · kind 0..4 | PALE | weight 8..16 | time under way 16..32
//! ```
//!
//! A node is an index of [`Level::nodes`]. Times are nanoseconds since [`Level::base`].

use std::collections::HashMap;

use foldhash::fast::FixedState;
use gotrace::trace::{Edge, Go, Goroutine};
use gotrace::{Names, Trace, Wake};

use super::camera::View;
use super::groups::{Group, Groups, ROWS, Ribbon};
use super::math::{Vec3, vec3};
use super::place::Places;
use super::sent::{MESSAGE, Sent, direction, sent, under_way};
use super::{height, time};
use crate::trace::colors::{Shade, Shades};
use crate::trace::passed::{Passed, Relation};

/// Flag of a segment that is part of a ribbon.
pub const RIBBON: u32 = 1 << 4;

/// Flag of what is not of those that are wanted.
pub const PALE: u32 = 1 << 5;

/// Lanes that a ribbon is wide.
pub const LANES: f64 = 4_095.0;

/// Kind of a link that is no wake-up: a goroutine created another.
pub const CREATED: u32 = 15;

/// How far off the screen goroutines are still computed, as a share of its size, so that small
/// moves of the camera need nothing new.
const MARGIN: f64 = 0.35;

/// Pixels that a state must have on the screen to be told apart.
const PIXELS: f64 = 1.5;

/// Pixels between two goroutines of a group from which on they are lines.
const APART: f64 = 1.0;

/// The same for groups whose family is too large to be lines in whole.
const FAR_APART: f64 = 10.0;

/// How much is drawn at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Goroutines that are lines.
    pub lines: usize,
    /// Segments of lines, and as many of ribbons.
    pub segments: usize,
    /// Links.
    pub links: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { lines: 20_000, segments: 70_000, links: 32_000 }
    }
}

/// A trace whose goroutines have their places.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// Its names.
    pub names: &'a Names,
    /// What went through channels, where that is known.
    pub passed: Option<&'a Passed>,
    /// Where goroutines stand.
    pub places: &'a Places,
    /// What stands together.
    pub groups: &'a Groups,
}

impl Placed<'_> {
    /// Begin and end of a goroutine's line.
    pub fn line(&self, index: u32) -> Option<(Vec3, Vec3)> {
        let goroutine = self.trace.goroutine(Go(index))?;
        let [x, z] = *self.places.at.get(index as usize)?;
        let duration = self.trace.duration;
        let end = goroutine.end.unwrap_or(duration);
        let point = |time| vec3(x.into(), height(time, duration), z.into());
        Some((point(goroutine.begin), point(end)))
    }
}

/// What is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Level {
    /// Places of goroutines; then for each group its middle, and its radius with nothing.
    pub nodes: Vec<[f32; 2]>,
    /// Pieces of lines and ribbons.
    pub segments: Vec<[u32; 4]>,
    /// Creations, then wake-ups.
    pub links: Vec<[u32; 4]>,
    /// What times count from, in nanoseconds since the trace began.
    pub base: u64,
    /// Goroutines that are lines.
    pub lines: Vec<u32>,
    /// Goroutines that are part of ribbons.
    pub grouped: usize,
    /// Wake-ups that there are between goroutines on the screen.
    pub wakes: usize,
    /// Wake-ups that links stand for.
    pub shown: usize,
    /// Another camera would see the same, but for its angle.
    pub exact: bool,
}

/// A goroutine that the camera sees.
#[derive(Clone, Copy)]
struct Seen {
    index: u32,
    begin: u64,
    end: u64,
    slices: usize,
    rows: usize,
}

/// Makes ribbons of a trace that has more goroutines than can be lines, until there is enough for
/// now. Says whether all that will be needed are made.
pub fn weave(
    placed: &Placed<'_>,
    budget: &Budget,
    shades: &mut Shades,
    ribbons: &mut Vec<Option<Ribbon>>,
    mut enough: impl FnMut() -> bool,
) -> bool {
    let Placed { trace, names, groups, .. } = *placed;
    if trace.goroutines.len() <= budget.lines {
        return true;
    }
    ribbons.resize_with(groups.groups.len(), || None);
    for (ribbon, group) in ribbons.iter_mut().zip(&groups.groups) {
        if ribbon.is_none() {
            if enough() {
                return false;
            }
            *ribbon = Some(Ribbon::new(trace, names, shades, group));
        }
    }
    true
}

/// Computes what is drawn. Ribbons are kept from time to time, by group: they depend on nothing
/// but the trace and its groups.
pub fn build(
    placed: &Placed<'_>,
    view: &View,
    budget: &Budget,
    shades: &mut Shades,
    ribbons: &mut Vec<Option<Ribbon>>,
) -> Level {
    let Placed { trace, names, places, groups, .. } = *placed;
    ribbons.resize_with(groups.groups.len(), || None);
    let mut level = Level { exact: true, ..Level::default() };
    level.nodes.clone_from(&places.at);
    for group in &groups.groups {
        level.nodes.extend([group.middle, [group.radius.max(places.radius), 0.0]]);
    }
    let seen = see(placed, view, &mut level);
    let open = opened(placed, view, budget, &seen);

    let mut lines: Vec<Seen> = Vec::new();
    for (group, seen) in seen.iter().enumerate() {
        if open.get(group) == Some(&true) {
            lines.extend(seen);
        } else {
            level.grouped += seen.len();
            level.exact = false;
        }
    }
    level.base = lines.iter().map(|seen| seen.begin).min().unwrap_or(0);
    if level.grouped > 0 {
        level.base = 0;
    }
    // All rows get coarser until everything fits.
    let count = |shift: u32| -> usize {
        lines.iter().map(|seen| seen.slices.min((seen.rows >> shift).max(1) * 2)).sum()
    };
    let coarse = (0..16).find(|shift| count(*shift) <= budget.segments).unwrap_or(16);
    for seen in &lines {
        let Some(goroutine) = trace.goroutine(Go(seen.index)) else { continue };
        let rows = (seen.rows >> coarse).max(1);
        level.exact &= seen.slices <= rows;
        segments(&mut level, goroutine, seen, rows, (trace, names, shades));
    }
    level.lines = lines.iter().map(|seen| seen.index).collect();

    let closed: Vec<(u32, &Group)> = (0_u32..)
        .zip(&groups.groups)
        .filter(|(number, _)| {
            let at = *number as usize;
            open.get(at) != Some(&true) && seen.get(at).is_some_and(|seen| !seen.is_empty())
        })
        .collect();
    // Four lanes to a row are usual.
    let fits = budget.segments / (closed.len().max(1) * 4);
    let step = (ROWS / fits.clamp(8, ROWS)).next_power_of_two().min(ROWS);
    for (number, group) in closed {
        let place = ribbons.get_mut(number as usize);
        let Some(place) = place else { continue };
        let ribbon = place.get_or_insert_with(|| Ribbon::new(trace, names, shades, group));
        let node = node_of_group(trace, number);
        lanes(&mut level, node, ribbon, group.members.len(), trace.duration, step);
    }
    links(placed, budget, &open, &seen, &mut level);
    level
}

/// Makes pale what no goroutine has a part in that is wanted, by number.
pub fn pale(level: &mut Level, groups: &Groups, wanted: &[bool]) {
    let one = |index: u32| wanted.get(index as usize).copied().unwrap_or(true);
    let mut nodes: Vec<bool> = (0_u32..).zip(&groups.of).map(|(index, _)| one(index)).collect();
    for group in &groups.groups {
        let any = group.members.iter().any(|index| one(*index));
        nodes.extend([any, any]);
    }
    let is_wanted = |node: u32| nodes.get(node as usize).copied().unwrap_or(true);
    for segment in level.segments.iter_mut().filter(|segment| !is_wanted(segment[0])) {
        segment[3] |= PALE;
    }
    let links = level.links.iter_mut();
    for link in links.filter(|link| !is_wanted(link[0]) && !is_wanted(link[1])) {
        link[3] |= PALE;
    }
}

/// The node of a group's middle.
pub fn node_of_group(trace: &Trace, group: u32) -> u32 {
    u32::try_from(trace.goroutines.len())
        .unwrap_or(u32::MAX)
        .saturating_add(group.saturating_mul(2))
}

/// What the camera sees of each goroutine, by group.
fn see(placed: &Placed<'_>, view: &View, level: &mut Level) -> Vec<Vec<Seen>> {
    let trace = placed.trace;
    let mut seen = vec![Vec::new(); placed.groups.groups.len()];
    for (index, group) in (0_u32..).zip(&placed.groups.of) {
        let Some(((a, b), goroutine)) = placed.line(index).zip(trace.goroutine(Go(index))) else {
            continue;
        };
        let Some((from, to)) = view.clip(a, b, MARGIN) else {
            level.exact = false;
            continue;
        };
        let (top, bottom) = (a + (b - a) * from, a + (b - a) * to);
        let depth = view.depth(top).min(view.depth(bottom));
        let pixels = (top.y - bottom.y) * view.scale(depth);
        let mut begin = goroutine.begin;
        let mut end = goroutine.end.unwrap_or(trace.duration);
        if from > 0.0 {
            begin = begin.max(time(top.y, trace.duration));
        }
        if to < 1.0 {
            end = end.min(time(bottom.y, trace.duration).saturating_add(1));
        }
        level.exact &= from == 0.0 && to == 1.0;
        let slices = goroutine.track.slices();
        let first = slices.partition_point(|slice| slice.begin <= begin).saturating_sub(1);
        let last = slices.partition_point(|slice| slice.begin < end);
        let rows = (pixels / PIXELS).clamp(1.0, 8_192.0) as usize;
        let slices = last.saturating_sub(first);
        if let Some(seen) = seen.get_mut(*group as usize) {
            seen.push(Seen { index, begin, end, slices, rows });
        }
    }
    seen
}

/// Which groups are lines.
fn opened(placed: &Placed<'_>, view: &View, budget: &Budget, seen: &[Vec<Seen>]) -> Vec<bool> {
    let groups = &placed.groups.groups;
    let mut families = vec![0_usize; placed.groups.families];
    for (group, seen) in groups.iter().zip(seen) {
        if let Some(count) = families.get_mut(group.family as usize) {
            *count += seen.len();
        }
    }
    let mut order: Vec<usize> = (0..families.len()).collect();
    order.sort_by_key(|family| (families.get(*family).copied(), *family));
    let mut left = budget.lines;
    let mut whole = vec![false; families.len()];
    for family in order {
        let count = families.get(family).copied().unwrap_or(0);
        if count > left {
            break;
        }
        left -= count;
        if let Some(whole) = whole.get_mut(family) {
            *whole = true;
        }
    }
    let apart = |group: &Group| {
        let [x, z] = group.middle;
        // The middle of its lines, at the height at which one looks.
        let depth = [super::TOP, 0.0, super::BOTTOM]
            .map(|y| view.depth(vec3(x.into(), y, z.into())))
            .into_iter()
            .filter(|depth| *depth > 0.0)
            .fold(f64::MAX, f64::min);
        2.0 * f64::from(placed.places.radius) * view.scale(depth)
    };
    let mut open: Vec<bool> = groups
        .iter()
        .map(|group| {
            let whole = whole.get(group.family as usize) == Some(&true);
            whole && (group.members.len() == 1 || apart(group) >= APART)
        })
        .collect();
    // Of families that are too large, what is right in front of the camera.
    let mut near: Vec<(f64, usize)> = groups
        .iter()
        .enumerate()
        .filter(|(_, group)| whole.get(group.family as usize) == Some(&false))
        .map(|(at, group)| (apart(group), at))
        .filter(|(apart, _)| *apart >= FAR_APART)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, at) in near {
        let count = seen.get(at).map_or(0, Vec::len);
        if count > left {
            break;
        }
        left -= count;
        if let Some(open) = open.get_mut(at) {
            *open = true;
        }
    }
    open
}

/// The segments of one line.
fn segments(
    level: &mut Level,
    goroutine: &Goroutine,
    seen: &Seen,
    rows: usize,
    (trace, names, shades): (&Trace, &Names, &mut Shades),
) {
    let track = &goroutine.track;
    let mut last: Option<(Shade, u64, u64)> = None;
    let mut put = |level: &mut Level, shade: Option<Shade>, begin: u64, end: u64| {
        if let (Some(shade), Some((before, _, until))) = (shade, last.as_mut())
            && *before == shade
            && *until == begin
        {
            *until = end;
            return;
        }
        if let Some((shade, begin, end)) = last.take() {
            level.segments.push(segment(
                seen.index,
                level.base,
                begin,
                end,
                shade as u32,
                0.0,
                1.0,
            ));
        }
        last = shade.map(|shade| (shade, begin, end));
    };
    if seen.slices <= rows {
        let slices = track.slices();
        let first = slices.partition_point(|slice| slice.begin <= seen.begin).saturating_sub(1);
        for (index, slice) in slices.iter().enumerate().skip(first).take(seen.slices) {
            let shade = shades.of(names, slice.state, slice.reason);
            let end = track.end(index, trace.duration).min(seen.end);
            put(level, shade, slice.begin.max(seen.begin), end);
        }
    } else {
        let span = seen.end.saturating_sub(seen.begin) as f64;
        let at = |row: usize| seen.begin + (span * row as f64 / rows as f64) as u64;
        for row in 0..rows {
            let (begin, end) = (at(row), at(row + 1));
            let longest = track.times(begin, end, trace.duration).longest();
            let shade = longest.and_then(|state| {
                // What it waits for most of the time is not known without a walk; the middle is.
                let middle = track.at(begin + (end - begin) / 2);
                let slice = middle.and_then(|at| track.slices().get(at));
                let reason = slice.filter(|slice| slice.state == state).map(|slice| slice.reason);
                shades.of(names, state, reason.unwrap_or_default())
            });
            put(level, shade, begin, end);
        }
    }
    put(level, None, 0, 0);
}

fn segment(node: u32, base: u64, begin: u64, end: u64, word: u32, from: f64, to: f64) -> [u32; 4] {
    let time = |time: u64| (time.saturating_sub(base) as f32).to_bits();
    let lane = |part: f64| (part * LANES).round().clamp(0.0, LANES) as u32;
    [node, time(begin), time(end), word | lane(from) << 8 | lane(to) << 20]
}

/// The lanes of a ribbon, side by side around its middle: as wide as members were in each state.
fn lanes(
    level: &mut Level,
    node: u32,
    ribbon: &Ribbon,
    members: usize,
    duration: u64,
    step: usize,
) {
    let full = duration as f64 / ROWS as f64 * step as f64 * members.max(1) as f64;
    // What the row before drew, which goes on as long as nothing changes.
    let mut before: Vec<(usize, [u32; 3])> = Vec::new();
    for (number, rows) in ribbon.rows.chunks(step).enumerate() {
        let mut times = [0.0; Shade::COUNT];
        for row in rows {
            for (sum, time) in times.iter_mut().zip(row) {
                *sum += time;
            }
        }
        let parts = times.map(|time| time / full);
        let mut at = 0.5 - parts.iter().sum::<f64>() / 2.0;
        let begin = (duration as f64 * (number * step) as f64 / ROWS as f64) as u64;
        let end = (duration as f64 * ((number + 1) * step) as f64 / ROWS as f64) as u64;
        let mut drawn = Vec::new();
        for (shade, part) in (0_u32..).zip(parts) {
            if part * LANES >= 1.0 {
                let [node, begin, end, word] =
                    segment(node, level.base, begin, end, shade | RIBBON, at, at + part);
                drawn.push([node, begin, end, word]);
            }
            at += part;
        }
        let same = before.len() == drawn.len()
            && before
                .iter()
                .zip(&drawn)
                .all(|((_, [node, _, word]), [other, _, _, with])| (node, word) == (other, with));
        if same {
            for ((place, _), [_, _, end, _]) in before.iter().zip(&drawn) {
                if let Some(segment) = level.segments.get_mut(*place) {
                    segment[2] = *end;
                }
            }
            continue;
        }
        before.clear();
        for drawn in drawn {
            before.push((level.segments.len(), [drawn[0], drawn[2], drawn[3]]));
            level.segments.push(drawn);
        }
    }
}

fn links(
    placed: &Placed<'_>,
    budget: &Budget,
    open: &[bool],
    seen: &[Vec<Seen>],
    level: &mut Level,
) {
    let Placed { trace, groups, passed, .. } = *placed;
    let base = level.base;
    let last = seen.iter().flatten().map(|seen| seen.end).max().unwrap_or(0);
    let mut visible = vec![false; trace.goroutines.len()];
    for seen in seen.iter().flatten() {
        if let Some(visible) = visible.get_mut(seen.index as usize) {
            *visible = true;
        }
    }
    let is_visible = |go: Go| go.index().and_then(|at| visible.get(at)) == Some(&true);
    // A line of its own, or its group's ribbon.
    let node = |go: Go| {
        let group = groups.group_of(go)?;
        let own = open.get(group as usize) == Some(&true);
        Some(if own { go.0 } else { node_of_group(trace, group) })
    };
    let row = |time: u64| (time as f64 / trace.duration.max(1) as f64 * ROWS as f64) as u16;
    let is_line = |node: u32| (node as usize) < trace.goroutines.len();
    let link = |from: u32, to: u32, time: u64, kind: u32, weight: u32| {
        [from, to, (time.saturating_sub(base) as f32).to_bits(), kind | weight << 8]
    };
    // Links of ribbons are joined: by both ends, row of time and kind.
    let mut joined: HashMap<(u32, u32, u16, u32), (u64, u32), FixedState> = HashMap::default();

    for (index, goroutine) in (0_u32..).zip(&trace.goroutines) {
        let (parent, child) = (goroutine.parent, Go(index));
        if !is_visible(child) || goroutine.begin < base || goroutine.begin > last {
            continue;
        }
        let (Some(from), Some(to)) = (node(parent), node(child)) else { continue };
        if is_line(to) {
            level.links.push(link(from, to, goroutine.begin, CREATED, 1));
        } else if from != to {
            let time = goroutine.begin;
            let sum = joined.entry((from, to, row(time), CREATED)).or_insert((time, 0));
            sum.1 += 1;
        }
    }

    // What was handed over is a message, and other wake-ups of its channels are nothing but that.
    let edges = trace.edges_between(base, last.saturating_add(1));
    let first = trace.edges.partition_point(|edge| edge.time < base);
    let relation = |at: usize| passed.map_or(Relation::None, |passed| passed.relation(first + at));
    // Timers and the network are nowhere to be seen.
    let counts = |(at, edge): &(usize, &Edge)| {
        let (from, to) = direction(edge);
        from != Go::NONE
            && to != Go::NONE
            && (is_visible(from) || is_visible(to))
            && relation(*at) != Relation::Message
    };
    let between = |edge: &Edge| {
        let (from, to) = direction(edge);
        let (from, to) = (node(from)?, node(to)?);
        (from != to).then_some((from, to))
    };
    let single = edges
        .iter()
        .enumerate()
        .filter(counts)
        .filter_map(|(_, edge)| between(edge))
        .filter(|(from, to)| is_line(*from) && is_line(*to))
        .count();
    let sent = sent(placed, base, last);
    let shown = |message: &Sent| {
        let (from, to) = message.ends;
        let (from, to) = (is_visible(from) || is_visible(to)).then_some((from, to))?;
        let (from, to) = (node(from)?, node(to)?);
        (from != to).then_some((from, to))
    };
    let is_single = |(from, to): &(u32, u32)| is_line(*from) && is_line(*to);
    let single = single + sent.iter().filter_map(shown).filter(is_single).count();
    // So many that not all can be drawn: every so many stand for all.
    let stride = single.div_ceil(budget.links.max(1)).max(1);
    let mut number = 0;
    for (at, edge) in edges.iter().enumerate().filter(counts) {
        level.wakes += 1;
        let Some((from, to)) = between(edge) else { continue };
        let kind = match relation(at) {
            Relation::Operation => Wake::Runtime,
            _ => edge.wake,
        };
        let kind = kind as u32;
        if is_line(from) && is_line(to) {
            if number % stride == 0 {
                level.links.push(link(from, to, edge.time, kind, 1));
                level.shown += 1;
            }
            number += 1;
        } else {
            let place = joined.entry((from, to, row(edge.time), kind)).or_insert((edge.time, 0));
            place.1 += 1;
        }
    }
    for message in &sent {
        let Some((from, to)) = shown(message) else { continue };
        level.wakes += 1;
        let long = under_way(message.received.saturating_sub(message.time));
        if is_line(from) && is_line(to) {
            if number % stride == 0 {
                level.links.push(link(from, to, message.time, MESSAGE | long << 16, 1));
                level.shown += 1;
            }
            number += 1;
        } else {
            let time = message.received;
            let place = joined.entry((from, to, row(time), MESSAGE)).or_insert((time, 0));
            place.1 += 1;
        }
    }
    level.exact &= stride == 1;
    // The most in number first, if not all fit.
    let mut joined: Vec<_> = joined.into_iter().collect();
    let order = |(key, (_, count)): &(_, (u64, u32))| (std::cmp::Reverse(*count), *key);
    let most = budget.links / 2;
    if joined.len() > most {
        joined.select_nth_unstable_by_key(most, order);
        joined.truncate(most);
    }
    joined.sort_unstable_by_key(order);
    for ((from, to, _, kind), (time, count)) in joined {
        let weight = (f64::from(count).log2() * 16.0 + 1.0).clamp(1.0, 255.0) as u32;
        level.links.push(link(from, to, time, kind, weight));
        if kind != CREATED {
            level.shown += count as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use gotrace::event::{GoState, NONE};
    use gotrace::{Event, StackId, StringId, What};

    use super::super::camera::Camera;
    use super::super::place::{Layout, place};
    use super::*;

    /// A trace in which goroutine 1 creates all others, one each microsecond, and each of them
    /// runs and waits in turn, `turns` times, woken by the one before.
    fn trace(goroutines: u64, turns: u64) -> (Names, Trace) {
        let names = Names::default();
        let mut trace = Trace::default();
        let mut time = 0;
        let mut add = |trace: &mut Trace, by: u64, go: u64, from: GoState, to: GoState| {
            time += 1_000;
            let what = What::Go { go, from, to, reason: StringId::EMPTY, start: StackId::NONE };
            let stack = StackId::NONE;
            trace.add(&names, &Event { time, goroutine: by, proc: 0, thread: 0, stack, what });
        };
        use GoState::{NotExist, Runnable, Running, Undetermined, Waiting};
        add(&mut trace, NONE, 1, Undetermined, Running);
        for go in 2..=goroutines {
            add(&mut trace, 1, go, NotExist, Runnable);
        }
        for _ in 0..turns {
            for go in 2..=goroutines {
                add(&mut trace, NONE, go, Runnable, Running);
                add(&mut trace, go, go, Running, Waiting);
                add(&mut trace, if go == 2 { 1 } else { go - 1 }, go, Waiting, Runnable);
            }
        }
        (names, trace)
    }

    struct Made {
        names: Names,
        trace: Trace,
        places: Places,
        groups: Groups,
    }

    impl Made {
        fn new(goroutines: u64, turns: u64) -> Self {
            let (names, trace) = trace(goroutines, turns);
            let parents: Vec<_> = trace.goroutines.iter().map(|of| of.parent.index()).collect();
            let places = place(&parents, Layout::Circles);
            let groups = Groups::new(&trace, &places);
            Self { names, trace, places, groups }
        }

        fn build(&self, camera: Camera, budget: Budget) -> Level {
            let Self { names, trace, places, groups } = self;
            let placed = Placed { trace, names, passed: None, places, groups };
            let view = camera.view(900.0, 600.0);
            build(&placed, &view, &budget, &mut Shades::default(), &mut Vec::new())
        }
    }

    fn fitted() -> Camera {
        let mut camera = Camera::default();
        camera.fit(1.5);
        camera
    }

    /// Nanoseconds of lines by shade.
    fn times(level: &Level) -> [f64; Shade::COUNT] {
        let mut times = [0.0; Shade::COUNT];
        for [_, begin, end, word] in &level.segments {
            if word & RIBBON == 0 {
                let long = f32::from_bits(*end) - f32::from_bits(*begin);
                times[(word & 15) as usize] += f64::from(long);
            }
        }
        times
    }

    fn truth(trace: &Trace) -> [f64; Shade::COUNT] {
        let mut sums = [0.0; Shade::COUNT];
        for goroutine in &trace.goroutines {
            let times = goroutine.track.times(0, trace.duration, trace.duration);
            sums[Shade::Running as usize] += times.of(GoState::Running) as f64;
            sums[Shade::Runnable as usize] += times.of(GoState::Runnable) as f64;
            sums[Shade::Other as usize] += times.of(GoState::Waiting) as f64;
        }
        sums
    }

    #[test]
    fn a_small_trace_is_drawn_as_it_is() {
        let made = Made::new(20, 3);
        let level = made.build(fitted(), Budget::default());
        assert!(level.exact);
        assert_eq!((level.lines.len(), level.grouped), (20, 0));
        let (drawn, truth) = (times(&level), truth(&made.trace));
        for (drawn, truth) in drawn.iter().zip(truth) {
            assert!((drawn - truth).abs() <= truth * 1e-5, "{drawn} {truth}");
        }
        let created = level.links.iter().filter(|link| link[3] & 15 == CREATED).count();
        assert_eq!((created, level.links.len() - created), (19, 57));
        assert_eq!((level.wakes, level.shown), (57, 57));
    }

    #[test]
    fn what_is_not_wanted_is_pale() {
        let made = Made::new(3_000, 2);
        for budget in [Budget::default(), Budget { lines: 100, ..Budget::default() }] {
            let mut level = made.build(fitted(), budget);
            let before = level.clone();
            pale(&mut level, &made.groups, &vec![true; 3_000]);
            assert_eq!(level, before);
            let mut wanted = vec![false; 3_000];
            wanted[1] = true;
            pale(&mut level, &made.groups, &wanted);
            let group = node_of_group(&made.trace, made.groups.of[1]);
            let mut bright: Vec<u32> = level
                .segments
                .iter()
                .filter(|segment| segment[3] & PALE == 0)
                .map(|segment| segment[0])
                .collect();
            bright.dedup();
            assert!(bright == [1] || bright == [group], "{bright:?}");
            let is_of = |link: &&[u32; 4]| link[..2].iter().any(|end| *end == bright[0]);
            let links = level.links.iter().filter(|link| link[3] & PALE == 0);
            assert!(links.clone().count() > 0 && links.clone().all(|link| is_of(&link)));
        }
    }

    #[test]
    fn rows_that_are_coarse_keep_the_time_of_each_goroutine() {
        let made = Made::new(10, 4_000);
        let level = made.build(fitted(), Budget::default());
        assert!(!level.exact);
        assert!(level.segments.len() < 10 * 600, "{}", level.segments.len());
        let all = |times: [f64; Shade::COUNT]| times.iter().sum::<f64>();
        let (drawn, truth) = (all(times(&level)), all(truth(&made.trace)));
        assert!((drawn - truth).abs() < truth * 1e-3, "{drawn} {truth}");
    }

    #[test]
    fn nothing_exceeds_its_budget() {
        let made = Made::new(3_000, 12);
        for budget in [
            Budget { lines: 5_000, segments: 4_000, links: 500 },
            Budget { lines: 100, segments: 2_000, links: 100 },
            Budget { lines: 5_000, segments: 100_000, links: 100_000 },
        ] {
            let level = made.build(fitted(), budget);
            // Each line and each ribbon has at least a piece.
            let least = 2 * level.lines.len().max(made.groups.groups.len() * 8 * 4);
            assert!(level.segments.len() <= budget.segments + least, "{}", level.segments.len());
            assert!(level.lines.len() <= budget.lines);
            let created = level.links.iter().filter(|link| link[3] & 15 == CREATED).count();
            assert!(level.links.len() - created <= budget.links * 2, "{}", level.links.len());
            assert_eq!(level.lines.len() + level.grouped, 3_000);
        }
    }

    #[test]
    fn ribbons_keep_the_sums_of_their_goroutines() {
        let made = Made::new(600, 5);
        let Made { names, trace, groups, .. } = &made;
        let mut sums = [0.0; Shade::COUNT];
        for group in &groups.groups {
            let ribbon = Ribbon::new(trace, names, &mut Shades::default(), group);
            for row in &ribbon.rows {
                for (sum, time) in sums.iter_mut().zip(row) {
                    *sum += time;
                }
            }
        }
        for (sum, truth) in sums.iter().zip(truth(trace)) {
            assert!((sum - truth).abs() <= truth * 1e-9, "{sum} {truth}");
        }
        let members: usize = groups.groups.iter().map(|group| group.members.len()).sum();
        assert_eq!(members, 600);
    }

    #[test]
    fn coming_near_opens_ribbons_and_shows_more() {
        let made = Made::new(3_000, 12);
        let budget = Budget { lines: 400, ..Budget::default() };
        let far = made.build(fitted(), budget);
        assert!(far.grouped > 2_500 && far.lines.len() <= 400);
        assert!(far.segments.iter().any(|segment| segment[3] & RIBBON != 0));
        let [x, z] = made.places.at[1_500];
        let target = vec3(x.into(), 0.0, z.into());
        let near = made.build(Camera { target, distance: 0.06, ..fitted() }, budget);
        assert!(near.lines.contains(&1_500), "{:?}", near.lines.len());
        assert!(near.lines.len() <= 400);
    }
}

//! Where each goroutine stands.
//!
//! In circles, a goroutine has its children around it, each with the room that its own children
//! need: discs that never overlap, in rings, or in a spiral where many are of one size, as seeds
//! stand in a sunflower. The radius grows with the root of their number. A chain of creations, each
//! with one child, would double the radius with every link, so from five generations on what
//! is largest takes the middle, its parent stands beside it, and the room grows by what is added.
//! Trees whose discs still leave most of the floor empty stand in one spiral, children after their
//! parent.
//!
//! The place of a goroutine depends on the creation tree only: the same trace looks the same.

use std::f64::consts::{PI, TAU};

/// Generations below a goroutine up to which it stays in the middle of its children.
const FLAT: u32 = 4;

/// Room that a goroutine itself takes.
const OWN: f64 = 1.0;

/// From so many children of one size on they stand in a spiral.
const SPIRAL: usize = 30;

/// Angle between two seeds.
const GOLDEN: f64 = 2.399_963_229_728_653;

/// Room that circles may take, as a share of the root of the number of goroutines.
const WASTE: f64 = 8.0;

/// Distance between two seeds is at least 2 where the spiral's radius is this times the root.
const SEED: f64 = 1.25;

/// How goroutines stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Children around their parent.
    #[default]
    Circles,
    /// Side by side, children after their parent.
    Row,
}

/// Places on the floor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Places {
    /// To the right and towards the front, each within a disc of radius 1.
    pub at: Vec<[f32; 2]>,
    /// Half the distance that neighbors have at least.
    pub radius: f32,
}

/// Places goroutines; `parents` has the index of each one's parent, if that is known. A parent
/// that comes after its child is none.
pub fn place(parents: &[Option<usize>], layout: Layout) -> Places {
    let tree = Tree::new(parents);
    match layout {
        Layout::Circles => circles(&tree),
        Layout::Row => row(&tree),
    }
}

/// Children of each goroutine, and as the last one of nobody.
struct Tree {
    parents: Vec<usize>,
    starts: Vec<usize>,
    children: Vec<usize>,
}

impl Tree {
    fn new(parents: &[Option<usize>]) -> Self {
        let root = parents.len();
        let parents: Vec<usize> = parents
            .iter()
            .enumerate()
            .map(|(index, parent)| parent.filter(|parent| *parent < index).unwrap_or(root))
            .collect();
        let mut starts = vec![0; root + 2];
        for parent in &parents {
            starts[parent + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut children = vec![0; root];
        for (index, parent) in parents.iter().enumerate() {
            children[next[*parent]] = index;
            next[*parent] += 1;
        }
        Self { parents, starts, children }
    }

    fn children(&self, index: usize) -> &[usize] {
        &self.children[self.starts[index]..self.starts[index + 1]]
    }

    /// The place of each goroutine in an order in which children follow their parent.
    fn order(&self) -> Vec<usize> {
        let count = self.parents.len();
        let mut order = vec![0_usize; count];
        let mut stack: Vec<usize> = self.children(count).iter().rev().copied().collect();
        let mut next = 0;
        while let Some(index) = stack.pop() {
            order[index] = next;
            next += 1;
            stack.extend(self.children(index).iter().rev());
        }
        order
    }
}

/// Where the parts of a disc stand, from its middle.
struct Disc {
    radius: f64,
    own: [f64; 2],
}

fn circles(tree: &Tree) -> Places {
    let count = tree.parents.len();
    let mut discs: Vec<Disc> = Vec::new();
    discs.resize_with(count + 1, || Disc { radius: OWN, own: [0.0; 2] });
    let mut heights = vec![0_u32; count + 1];
    // From the middle of the parent's disc.
    let mut offsets = vec![[0.0_f64; 2]; count];
    let root = count;
    // Children come after their parents, and all of them before nobody.
    for index in (0..count).rev().chain([root]) {
        let children = tree.children(index);
        if children.is_empty() {
            continue;
        }
        let height = children.iter().map(|child| heights[*child]).max().unwrap_or(0) + 1;
        heights[index] = height;
        discs[index] = pack(children, index, index == root, height, &mut discs, &mut offsets);
    }
    if count > SPIRAL && discs[root].radius > WASTE * (count as f64).sqrt() {
        return spiral(tree);
    }
    let scale = discs[root].radius.max(OWN).recip();
    let mut middles = vec![[0.0_f64; 2]; count];
    let mut at = Vec::with_capacity(count);
    for index in 0..count {
        let parent = tree.parents[index];
        let middle = if parent == root { [0.0; 2] } else { middles[parent] };
        middles[index] = [middle[0] + offsets[index][0], middle[1] + offsets[index][1]];
        let own = discs[index].own;
        at.push([
            ((middles[index][0] + own[0]) * scale) as f32,
            ((middles[index][1] + own[1]) * scale) as f32,
        ]);
    }
    Places { at, radius: (OWN * scale) as f32 }
}

/// Packs a goroutine and its children's discs into one.
fn pack(
    children: &[usize],
    index: usize,
    is_root: bool,
    height: u32,
    discs: &mut [Disc],
    offsets: &mut [[f64; 2]],
) -> Disc {
    // The largest come first, and those of one size in the order of their creation.
    let mut order = children.to_vec();
    order.sort_by(|a, b| discs[*b].radius.total_cmp(&discs[*a].radius).then(a.cmp(b)));
    let largest = discs[order[0]].radius;
    let second = order.get(1).map_or(OWN, |child| discs[*child].radius.max(OWN));
    let heavy = is_root || (height > FLAT && largest >= 2.0 * second);
    let own = if is_root { None } else { Some(index) };
    // What stands around: children, and the goroutine itself where a child took the middle.
    let (middle, around): (Option<usize>, Vec<usize>) = match heavy {
        true => (Some(order[0]), own.into_iter().chain(order[1..].iter().copied()).collect()),
        false => (None, order),
    };
    let size = |of: usize, discs: &[Disc]| if Some(of) == own { OWN } else { discs[of].radius };
    let mut inner = middle.map_or(OWN, |middle| discs[middle].radius);
    if let Some(middle) = middle {
        offsets[middle] = [0.0; 2];
    }
    let mut spots = Vec::with_capacity(around.len());
    if around.len() >= SPIRAL && around.iter().all(|of| size(*of, discs) == OWN) {
        // As if the middle were full of seeds already.
        let before = ((inner + OWN) / (SEED * OWN)).powi(2).ceil();
        for number in 0..around.len() {
            let seed = before + number as f64;
            let (sin, cos) = (seed * GOLDEN).sin_cos();
            let far = SEED * OWN * seed.sqrt();
            spots.push([far * cos, far * sin]);
        }
        inner = SEED * OWN * (before + around.len() as f64).sqrt() + OWN;
    } else {
        let mut ring = 0;
        let mut first = 0;
        while first < around.len() {
            let widest = around[first..].iter().map(|of| size(*of, discs)).fold(OWN, f64::max);
            let far = inner + widest;
            let angle = |of: usize| 2.0 * (size(of, discs) / far).clamp(0.0, 1.0).asin();
            let mut turned = 0.0;
            let mut last = first;
            while last < around.len() {
                let next = turned + angle(around[last]);
                if last > first && next > TAU + 1e-9 {
                    break;
                }
                turned = next;
                last += 1;
            }
            // The rest of the circle is shared out. Rings start where seeds would.
            let gap = (TAU - turned).max(0.0) / (last - first) as f64;
            let mut at = f64::from(ring) * GOLDEN - PI / 2.0;
            for of in &around[first..last] {
                let half = (angle(*of) + gap) / 2.0;
                at += half;
                let (sin, cos) = at.sin_cos();
                spots.push([far * cos, far * sin]);
                at += half;
            }
            inner = far + widest;
            first = last;
            ring += 1;
        }
    }
    let mut at_own = [0.0; 2];
    for (of, spot) in around.iter().zip(spots) {
        if Some(*of) == own {
            at_own = spot;
        } else {
            offsets[*of] = spot;
        }
    }
    // One child beside its parent needs half of the ring's room only.
    if let ([child], None, false) = (children, middle, is_root) {
        let radius = (OWN + inner) / 2.0;
        let [x, y] = offsets[*child];
        let far = x.hypot(y).max(1e-9);
        let shift = radius - OWN;
        let back = [x / far * shift, y / far * shift];
        at_own = [-back[0], -back[1]];
        offsets[*child] = [x - back[0], y - back[1]];
        inner = radius;
    }
    Disc { radius: inner, own: at_own }
}

fn spiral(tree: &Tree) -> Places {
    let room = SEED * (tree.parents.len() as f64 + 1.0).sqrt() + OWN;
    let at = tree.order().into_iter().map(|order| {
        let seed = order as f64 + 1.0;
        let (sin, cos) = (seed * GOLDEN).sin_cos();
        let far = SEED * seed.sqrt() / room;
        [(far * cos) as f32, (far * sin) as f32]
    });
    Places { at: at.collect(), radius: (OWN / room) as f32 }
}

fn row(tree: &Tree) -> Places {
    let count = tree.parents.len();
    let step = 2.0 / count.max(2) as f64;
    let at =
        tree.order().into_iter().map(|order| [(-1.0 + (order as f64 + 0.5) * step) as f32, 0.0]);
    Places { at: at.collect(), radius: (step / 2.0) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least distance between two places, by radius, and the largest from the axis.
    fn least(places: &Places) -> (f64, f64) {
        let mut sorted = places.at.clone();
        sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let mut least = f64::MAX;
        let mut far = 0.0_f64;
        for (at, a) in sorted.iter().enumerate() {
            far = far.max(f64::from(a[0].hypot(a[1])));
            for b in &sorted[at + 1..] {
                if f64::from(b[0] - a[0]) > 2.0 * f64::from(places.radius) {
                    break;
                }
                least = least.min(f64::from((a[0] - b[0]).hypot(a[1] - b[1])));
            }
        }
        (least / f64::from(places.radius), far)
    }

    fn trees() -> Vec<(&'static str, Vec<Option<usize>>)> {
        let mut mixed = vec![None];
        // Some numbers that look like chance.
        let mut number = 12_345_u64;
        for index in 1..5_000_usize {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            let near = usize::try_from(number >> 33).unwrap() % index;
            mixed.push(if number.is_multiple_of(97) { None } else { Some(near) });
        }
        vec![
            ("nobody", vec![]),
            ("one", vec![None]),
            ("orphans", vec![None; 40]),
            ("pair", vec![None, Some(0)]),
            ("star", (0..200).map(|index| (index > 0).then_some(0)).collect()),
            ("crowd", (0..10_000).map(|index| (index > 0).then_some(0)).collect()),
            ("chain", (0..3_000_usize).map(|index| index.checked_sub(1)).collect()),
            // A chain each of whose links has a child of its own.
            (
                "comb",
                (0..2_000_usize).map(|index| index.checked_sub(1).map(|at| at / 2 * 2)).collect(),
            ),
            ("twos", (0..1_023_usize).map(|index| (index > 0).then(|| (index - 1) / 2)).collect()),
            ("tens", (0..2_000_usize).map(|index| (index > 0).then(|| (index - 1) / 10)).collect()),
            ("mixed", mixed),
        ]
    }

    #[test]
    fn no_two_goroutines_overlap_and_all_are_inside() {
        for (name, parents) in trees() {
            for layout in [Layout::Circles, Layout::Row] {
                let places = place(&parents, layout);
                assert_eq!(places.at.len(), parents.len(), "{name}");
                let (least, far) = least(&places);
                assert!(least > 1.98, "{name} {layout:?}: {least}");
                assert!(far <= 1.0 + 1e-6, "{name} {layout:?}: {far}");
            }
        }
    }

    #[test]
    fn room_grows_with_the_root_of_the_number() {
        for (name, parents) in trees() {
            let places = place(&parents, Layout::Circles);
            if name == "nobody" {
                continue;
            }
            let room = f64::from(places.radius).recip();
            let root = (parents.len() as f64).sqrt();
            assert!(room <= WASTE * root + 3.0, "{name}: {room} for {}", parents.len());
        }
    }

    #[test]
    fn children_of_main_stand_around_it() {
        let places = place(&[None, Some(0), Some(0), Some(0), Some(0)], Layout::Circles);
        let [x, y] = places.at[0];
        let far: Vec<f32> = places.at[1..].iter().map(|at| (at[0] - x).hypot(at[1] - y)).collect();
        assert!(far.iter().all(|distance| (distance - far[0]).abs() < 1e-6), "{far:?}");
        assert!(x.hypot(y) < 1e-6);
    }

    #[test]
    fn more_goroutines_change_no_place_in_a_spiral_but_the_scale() {
        let star = |count: usize| {
            let parents: Vec<_> = (0..count).map(|at| (at > 0).then_some(0)).collect();
            let places = place(&parents, Layout::Circles);
            places.at.into_iter().map(|at| at.map(|at| at / places.radius)).collect::<Vec<_>>()
        };
        let (few, many) = (star(100), star(400));
        for (few, many) in few.iter().zip(&many) {
            assert!((few[0] - many[0]).hypot(few[1] - many[1]) < 1e-3);
        }
    }

    #[test]
    fn a_parent_that_comes_later_is_none() {
        let places = place(&[Some(1), Some(0), Some(7)], Layout::Circles);
        assert_eq!(places.at.len(), 3);
        assert!(least(&places).0 > 1.98);
    }
}

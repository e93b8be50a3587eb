//! Goroutines that are drawn as one where they can't be told apart.
//!
//! A family is all goroutines that began in the same function and whose parents are of one
//! family; a function that starts itself again stays in its family. A family of many is cut into
//! groups of neighbors. Each group can be a ribbon: for every row of time, how many of its
//! members were in which state.

use std::collections::HashMap;

use gotrace::trace::Go;
use gotrace::{Names, StringId, Trace};

use super::place::Places;
use crate::trace::colors::{Shade, Shades};

/// Rows of time in a ribbon.
pub const ROWS: usize = 256;

/// Members of a group, at most.
const MEMBERS: usize = 256;

/// Families, at most; what is beyond belongs to the parent's.
const FAMILIES: usize = 1_024;

/// Goroutines that stand together.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its family.
    pub family: u32,
    /// The function that all of them began with.
    pub function: StringId,
    /// Its goroutines.
    pub members: Vec<u32>,
    /// Where it stands.
    pub middle: [f32; 2],
    /// How far its members are from there, but for a few.
    pub radius: f32,
}

/// All goroutines of a trace, in groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// The groups, by family.
    pub groups: Vec<Group>,
    /// The group of each goroutine.
    pub of: Vec<u32>,
    /// Number of families.
    pub families: usize,
}

impl Groups {
    /// Groups the goroutines of a trace, which stand at these places.
    pub fn new(trace: &Trace, places: &Places) -> Self {
        let mut families: Vec<(StringId, Vec<u32>)> = Vec::new();
        let mut known: HashMap<(u32, StringId), u32> = HashMap::new();
        let mut family_of: Vec<u32> = Vec::with_capacity(trace.goroutines.len());
        for (index, goroutine) in (0_u32..).zip(&trace.goroutines) {
            let parent = goroutine.parent.index().and_then(|parent| family_of.get(parent)).copied();
            let of_parent = parent.and_then(|family| families.get(family as usize));
            let same = of_parent.is_some_and(|(function, _)| *function == goroutine.function);
            let key = (parent.unwrap_or(u32::MAX), goroutine.function);
            let new = families.len();
            let family = match (known.get(&key), parent) {
                (_, Some(parent)) if same => parent,
                (Some(family), _) => *family,
                (None, Some(parent)) if new >= FAMILIES => parent,
                (None, None) if new >= FAMILIES => 0,
                _ => {
                    let family = u32::try_from(new).unwrap_or(u32::MAX);
                    families.push((goroutine.function, Vec::new()));
                    known.insert(key, family);
                    family
                }
            };
            family_of.push(family);
            if let Some((_, members)) = families.get_mut(family as usize) {
                members.push(index);
            }
        }
        let mut groups = Self { families: families.len(), ..Self::default() };
        groups.of = vec![0; trace.goroutines.len()];
        for (family, (function, mut members)) in (0_u32..).zip(families) {
            let at = |index: u32| places.at.get(index as usize).copied().unwrap_or_default();
            if members.len() > MEMBERS {
                members.sort_by_key(|index| near(at(*index)));
            }
            let parts = members.len().div_ceil(MEMBERS).max(1);
            for members in members.chunks(members.len().div_ceil(parts).max(1)) {
                let number = u32::try_from(groups.groups.len()).unwrap_or(u32::MAX);
                for index in members {
                    if let Some(of) = groups.of.get_mut(*index as usize) {
                        *of = number;
                    }
                }
                groups.groups.push(group(family, function, members, places.radius, at));
            }
        }
        groups
    }

    /// The group of a goroutine.
    pub fn group_of(&self, go: Go) -> Option<u32> {
        self.of.get(go.index()?).copied()
    }
}

fn group(
    family: u32,
    function: StringId,
    members: &[u32],
    room: f32,
    at: impl Fn(u32) -> [f32; 2],
) -> Group {
    let mut middle = [0.0_f32; 2];
    for index in members {
        let [x, z] = at(*index);
        middle = [middle[0] + x, middle[1] + z];
    }
    let middle = middle.map(|sum| sum / members.len().max(1) as f32);
    let far = |index: &u32| {
        let [x, z] = at(*index);
        (x - middle[0]).hypot(z - middle[1])
    };
    // A few that stand apart do not make a ribbon wide.
    let most = 1.5 * room * (members.len() as f32).sqrt();
    let radius = members.iter().map(far).fold(0.0, f32::max).min(most);
    Group { family, function, members: members.to_vec(), middle, radius }
}

/// A number by which places that are near each other are mostly near in order, too: the bits of
/// both coordinates in turn.
fn near([x, z]: [f32; 2]) -> u32 {
    let spread = |value: f32| {
        let value = ((value + 1.0) * 16_384.0).clamp(0.0, 32_767.0) as u32;
        (0..15).fold(0, |bits, bit| bits | ((value >> bit) & 1) << (2 * bit))
    };
    spread(x) << 1 | spread(z)
}

/// How long the members of a group were in each state, in each of [`ROWS`] equal parts of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Ribbon {
    /// Nanoseconds by row and shade.
    pub rows: Vec<[f64; Shade::COUNT]>,
}

impl Ribbon {
    /// Sums up what a group did, by a walk over all of its slices.
    pub fn new(trace: &Trace, names: &Names, shades: &mut Shades, group: &Group) -> Self {
        let duration = trace.duration.max(1) as f64;
        let wide = duration / ROWS as f64;
        let mut rows = vec![[0.0; Shade::COUNT]; ROWS];
        // Goroutines that are in a state for the whole of a row, as changes from row to row.
        let mut whole = vec![[0.0; Shade::COUNT]; ROWS + 1];
        for member in &group.members {
            let Some(goroutine) = trace.goroutine(Go(*member)) else { continue };
            for (index, slice) in goroutine.track.slices().iter().enumerate() {
                let Some(shade) = shades.of(names, slice.state, slice.reason) else { continue };
                let shade = shade as usize;
                let begin = slice.begin as f64;
                let end = (goroutine.track.end(index, trace.duration) as f64).min(duration);
                if end <= begin {
                    continue;
                }
                let last_row = ROWS - 1;
                let (first, last) = (
                    ((begin / wide) as usize).min(last_row),
                    ((end / wide) as usize).min(last_row),
                );
                if first == last {
                    rows[first][shade] += end - begin;
                    continue;
                }
                rows[first][shade] += (first + 1) as f64 * wide - begin;
                rows[last][shade] += end - last as f64 * wide;
                whole[first + 1][shade] += 1.0;
                whole[last][shade] -= 1.0;
            }
        }
        let mut inside = [0.0; Shade::COUNT];
        for (row, change) in rows.iter_mut().zip(&whole) {
            for ((time, inside), change) in row.iter_mut().zip(&mut inside).zip(change) {
                *inside += change;
                *time += *inside * wide;
            }
        }
        Self { rows }
    }
}

//! The rings into which a target writes the function entries that are traced.

use std::path::Path;
use std::time::{Duration, Instant};

use wire::frame::FlowEvent;

use super::layout::{
    EVENT_BYTES, FLOW_READY_AT, FLOW_SHAPE_AT, FlowShape, Progress, SHARD_HEADER_BYTES, u32_at,
    u64_at,
};
use super::limits;
use super::refusal::Refusal;
use super::region::Region;
use super::shared_file::SharedFile;

/// The rings that a collector makes: 2.6 MB, some 65,000 events.
const SHAPE: FlowShape = FlowShape { shards: 16, capacity: 4096 };
/// How long an event may take to be written before it is given up. The thread that writes it may
/// have lost its processor in between, or its life.
const WRITING: Duration = Duration::from_millis(50);

/// A target's flow file.
#[derive(Debug)]
pub(super) struct Rings {
    file: SharedFile,
    shape: FlowShape,
    shards: Vec<Shard>,
    /// Copies of one shard's events: the first proves that they were complete when the second was
    /// made.
    proof: Vec<u8>,
    events: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct Shard {
    /// Number of the next event to read.
    next: u64,
    /// Since when that event is begun but not complete.
    waiting: Option<Instant>,
}

/// An event with the clock that it was written by.
#[derive(Debug, Clone, Copy)]
struct Dated {
    clock_ms: u64,
    event: FlowEvent,
}

impl Rings {
    /// The flow file at `path` of a target: the one it uses already, otherwise a new one, which
    /// the target is told of.
    pub(super) fn open_or_create(path: &Path, target: &SharedFile) -> Result<Self, Refusal> {
        let progress = Progress::read(target)?;
        if progress.flow_ready {
            return Self::open(path, progress.flow_shape);
        }
        // Left by a collector that ended before it could tell the target of it.
        match std::fs::remove_file(path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Refusal::Io { what: "cannot replace it", source });
            }
            _ => {}
        }
        let file = SharedFile::create(path, SHAPE.file_bytes())?;
        file.write(0, &SHAPE.header())?;
        let shape = [SHAPE.shards.to_le_bytes(), SHAPE.capacity.to_le_bytes()].concat();
        target.write(FLOW_SHAPE_AT, &shape)?;
        target.write(FLOW_READY_AT, &1u32.to_le_bytes())?;
        Ok(Self::of(file, SHAPE))
    }

    /// The flow file that another collector made; what is in it already is left to that one.
    pub(super) fn open(path: &Path, shape: (u32, u32)) -> Result<Self, Refusal> {
        let file = SharedFile::open(path)?;
        let mut header = [0; 16];
        file.read(0, &mut header)?;
        let (shards, capacity) = (u32_at(&header, 8), u32_at(&header, 12));
        let shape_read = FlowShape { shards, capacity };
        if header != shape_read.header() || (shards, capacity) != shape {
            return Err(Refusal::malformed(0, "not the flow file that its target names"));
        }
        if !shards.is_power_of_two() || shards > limits::FLOW_SHARDS {
            return Err(Refusal::limit(8, "number of shards", limits::FLOW_SHARDS as usize));
        }
        if !capacity.is_power_of_two() || capacity > limits::FLOW_CAPACITY {
            return Err(Refusal::limit(12, "events per shard", limits::FLOW_CAPACITY as usize));
        }
        if file.length()? < shape_read.file_bytes() {
            return Err(Refusal::malformed(12, "the file ends before its shards"));
        }
        let mut rings = Self::of(file, shape_read);
        for shard_idx in 0..shards {
            let head = rings.head(shard_idx)?;
            if let Some(shard) = rings.shards.get_mut(shard_idx as usize) {
                shard.next = head;
            }
        }
        Ok(rings)
    }

    fn of(file: SharedFile, shape: FlowShape) -> Self {
        let shards = vec![Shard::default(); shape.shards as usize];
        Self { file, shape, shards, proof: Vec::new(), events: Vec::new() }
    }

    fn head(&self, shard: u32) -> Result<u64, Refusal> {
        let mut head = [0; 8];
        self.file.read(self.shape.shard_at(shard), &mut head)?;
        Ok(u64::from_le_bytes(head))
    }

    /// Takes up to `limit` events, oldest first, and counts those that were lost. `now_ms` dates
    /// them; `over` says that the target is dead, so that what is unfinished stays so.
    pub(super) fn drain(
        &mut self,
        regions: &[Region],
        limit: usize,
        now_ms: u64,
        over: bool,
    ) -> Result<(Vec<FlowEvent>, u64), Refusal> {
        let mut heads = Vec::with_capacity(self.shards.len());
        for shard_idx in 0..self.shape.shards {
            heads.push(self.head(shard_idx)?);
        }
        let pending = |shard: &Shard, head: u64| head.saturating_sub(shard.next);
        let mut n_busy =
            self.shards.iter().zip(&heads).filter(|(s, h)| pending(s, **h) > 0).count();
        let (mut found, mut lost, mut left) = (Vec::new(), 0u64, limit);
        for (shard_idx, head) in (0..self.shape.shards).zip(heads) {
            let Some(mut shard) = self.shards.get(shard_idx as usize).cloned() else { continue };
            if head < shard.next {
                // Heads only grow: the target plays tricks.
                shard = Shard { next: head, waiting: None };
            } else if head > shard.next {
                let share = left / n_busy.max(1);
                n_busy -= 1;
                let before = found.len();
                lost =
                    lost.saturating_add(self.drain_shard(
                        shard_idx, &mut shard, head, share, over, regions, &mut found,
                    )?);
                left -= (found.len() - before).min(left);
            }
            if let Some(slot) = self.shards.get_mut(shard_idx as usize) {
                *slot = shard;
            }
        }
        // Stable: inside a shard the order is exact even where the clock stood still.
        found.sort_by_key(|dated: &Dated| dated.clock_ms);
        let date = |dated: Dated| FlowEvent {
            age_ms: now_ms.saturating_sub(dated.clock_ms),
            ..dated.event
        };
        Ok((found.into_iter().map(date).collect(), lost))
    }

    #[expect(clippy::too_many_arguments, reason = "the inner loop of `drain`")]
    fn drain_shard(
        &mut self,
        shard_idx: u32,
        shard: &mut Shard,
        head: u64,
        limit: usize,
        over: bool,
        regions: &[Region],
        found: &mut Vec<Dated>,
    ) -> Result<u64, Refusal> {
        let capacity = u64::from(self.shape.capacity);
        let mut lost = 0u64;
        let oldest = head.saturating_sub(capacity);
        if shard.next < oldest {
            lost += oldest - shard.next;
            *shard = Shard { next: oldest, waiting: None };
        }
        let end = head.min(shard.next.saturating_add(limit as u64));
        while shard.next < end {
            // Up to the ring's end, where reading goes on at its start.
            let slot = shard.next % capacity;
            let n = (end - shard.next).min(capacity - slot);
            let n_bytes = usize::try_from(n).unwrap_or(0) * EVENT_BYTES;
            let at =
                self.shape.shard_at(shard_idx) + SHARD_HEADER_BYTES + slot * EVENT_BYTES as u64;
            self.proof.resize(n_bytes, 0);
            self.events.resize(n_bytes, 0);
            self.file.read(at, &mut self.proof)?;
            self.file.read(at, &mut self.events)?;
            // A writer takes its number before it touches the slot: what the head hasn't reached
            // by now was whole while it was copied.
            let oldest = self.head(shard_idx)?.saturating_sub(capacity);
            let copies = self.proof.chunks_exact(EVENT_BYTES);
            for (proof, event) in copies.zip(self.events.chunks_exact(EVENT_BYTES)) {
                let seq = shard.next.wrapping_add(1);
                let overwritten = shard.next < oldest || u64_at(proof, 0) > seq;
                let complete = u64_at(proof, 0) == seq && u64_at(event, 0) == seq;
                if !overwritten && !complete && !over {
                    // Begun and not finished.
                    if shard.waiting.get_or_insert_with(Instant::now).elapsed() < WRITING {
                        return Ok(lost);
                    }
                }
                shard.waiting = None;
                shard.next += 1;
                match decode(event, regions).filter(|_| complete && !overwritten) {
                    Some(event) => found.push(event),
                    None => lost += 1,
                }
            }
        }
        Ok(lost)
    }
}

impl Progress {
    /// The changing fields of a target's header.
    pub(super) fn read(target: &SharedFile) -> Result<Self, Refusal> {
        let mut bytes = [0; super::layout::PROGRESS_BYTES];
        target.read(super::layout::PROGRESS_AT, &mut bytes)?;
        Ok(Self::parse(&bytes))
    }
}

/// The event in these bytes; `None` where it names no entry of the process.
fn decode(bytes: &[u8], regions: &[Region]) -> Option<Dated> {
    let place = u64_at(bytes, 24);
    let package = u32::try_from(place >> 32).ok()?;
    let unit = u32::try_from(place & u64::from(u32::MAX)).ok()?;
    regions.get(package as usize)?.is_entry(unit).then(|| Dated {
        clock_ms: u64_at(bytes, 32),
        event: FlowEvent {
            package,
            unit,
            goroutine: u64_at(bytes, 8),
            label: u64_at(bytes, 16),
            age_ms: 0,
        },
    })
}

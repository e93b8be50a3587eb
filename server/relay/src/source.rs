//! Sources, by the hash of their content. A source is asked of the agents that announced a table
//! naming it when a viewer first wants it, checked against its hash, and kept within bounds. No
//! path ever comes from a request: a request names a hash, and a hash opens nothing.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use tokio::sync::watch;
use wire::SourceId;

use crate::hub::{AgentId, Refusal};
use crate::limits;

/// The answer to a question that several may wait for.
type Answer = Option<Bytes>;

/// Sources that are here or asked for.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    kept: HashMap<SourceId, Kept>,
    n_bytes: usize,
    /// Counts questions; orders `kept` by last use.
    clock: u64,
    pending: HashMap<SourceId, Pending>,
}

#[derive(Debug)]
struct Kept {
    bytes: Bytes,
    used: u64,
}

#[derive(Debug)]
struct Pending {
    agents: BTreeSet<AgentId>,
    answer: watch::Sender<Option<Answer>>,
}

/// What to do for a viewer who wants a source.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Here it is.
    Here(Bytes),
    /// Wait for the answer: `Some` once it is known.
    Wait(watch::Receiver<Option<Answer>>),
    /// As before, and first ask the agents.
    Ask(watch::Receiver<Option<Answer>>),
    /// Nobody has it.
    Nowhere,
    /// Too many are being asked for already.
    Busy,
}

impl Sources {
    /// Wants a source that these agents may have.
    pub(crate) fn want(&mut self, id: SourceId, agents: &[AgentId]) -> Wanted {
        self.clock += 1;
        if let Some(kept) = self.kept.get_mut(&id) {
            kept.used = self.clock;
            return Wanted::Here(kept.bytes.clone());
        }
        if let Some(pending) = self.pending.get(&id) {
            return Wanted::Wait(pending.answer.subscribe());
        }
        if agents.is_empty() {
            return Wanted::Nowhere;
        }
        if self.pending.len() >= limits::SOURCES_PENDING {
            return Wanted::Busy;
        }
        let (answer, receiver) = watch::channel(None);
        let agents = agents.iter().copied().collect();
        self.pending.insert(id, Pending { agents, answer });
        Wanted::Ask(receiver)
    }

    /// An agent answers. What nobody asked for is dropped.
    pub(crate) fn answer(
        &mut self,
        agent: AgentId,
        id: SourceId,
        bytes: Option<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let Some(bytes) = bytes else {
            self.without(agent, id);
            return Ok(());
        };
        if !self.pending.contains_key(&id) {
            return Ok(());
        }
        if SourceId::of(&bytes) != id {
            self.without(agent, id);
            let message = format!("source {} does not match its hash", id.hex());
            return Err(Refusal::Protocol(message));
        }
        let bytes = Bytes::from(bytes);
        self.keep(id, bytes.clone());
        if let Some(pending) = self.pending.remove(&id) {
            pending.answer.send_replace(Some(Some(bytes)));
        }
        Ok(())
    }

    /// An agent doesn't have the source, or could not be asked.
    pub(crate) fn without(&mut self, agent: AgentId, id: SourceId) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.agents.remove(&agent);
            if pending.agents.is_empty() {
                self.give_up(id);
            }
        }
    }

    /// An agent is gone, and answers nothing any more.
    pub(crate) fn leave(&mut self, agent: AgentId) {
        let mut waiting: Vec<_> = self.pending.keys().copied().collect();
        waiting.sort_unstable();
        for id in waiting {
            self.without(agent, id);
        }
    }

    /// Nobody answered in time, or all said no.
    pub(crate) fn give_up(&mut self, id: SourceId) {
        if let Some(pending) = self.pending.remove(&id) {
            pending.answer.send_replace(Some(None));
        }
    }

    /// Bytes that are kept.
    pub(crate) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    fn keep(&mut self, id: SourceId, bytes: Bytes) {
        self.n_bytes += bytes.len();
        let kept = Kept { bytes, used: self.clock };
        if let Some(old) = self.kept.insert(id, kept) {
            self.n_bytes -= old.bytes.len();
        }
        while self.n_bytes > limits::SOURCE_BYTES {
            let oldest = self.kept.iter().min_by_key(|(id, kept)| (kept.used, **id));
            let Some(oldest) = oldest.map(|(id, _)| *id) else { break };
            if let Some(old) = self.kept.remove(&oldest) {
                self.n_bytes -= old.bytes.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_asked_for_once_and_checked() {
        let mut sources = Sources::default();
        let id = SourceId::of(b"package a");
        assert!(matches!(sources.want(id, &[]), Wanted::Nowhere));
        let Wanted::Ask(first) = sources.want(id, &[1, 2]) else { panic!("not asked") };
        assert!(matches!(sources.want(id, &[1, 2]), Wanted::Wait(_)));
        assert!(sources.answer(1, id, Some(b"package b".to_vec())).is_err());
        assert!(first.borrow().is_none());
        sources.answer(2, id, Some(b"package a".to_vec())).unwrap();
        assert_eq!(*first.borrow(), Some(Some(Bytes::from_static(b"package a"))));
        assert!(matches!(sources.want(id, &[]), Wanted::Here(_)));
    }

    #[test]
    fn when_all_agents_say_no_or_leave_the_answer_is_no() {
        let mut sources = Sources::default();
        let id = SourceId::of(b"package a");
        let Wanted::Ask(answer) = sources.want(id, &[1, 2]) else { panic!("not asked") };
        sources.answer(1, id, None).unwrap();
        assert!(answer.borrow().is_none());
        sources.leave(2);
        assert_eq!(*answer.borrow(), Some(None));
    }

    #[test]
    fn what_nobody_asked_for_is_not_kept() {
        let mut sources = Sources::default();
        sources.answer(1, SourceId::of(b"x"), Some(b"x".to_vec())).unwrap();
        assert_eq!(sources.n_bytes(), 0);
    }
}

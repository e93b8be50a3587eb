//! Makes the scheduler fit an event of a damaged trace, as if the events that are missing had
//! been there. Nothing is told of what is made up.

use crate::event::GoState;
use crate::raw::{Kind, Raw};

use super::{Collector, Scheduler, Sequence, Slot, Status, go_state};

impl Scheduler {
    /// Makes room for an event of a thread. False where it says too little without what is
    /// missing, such as the end of a goroutine that nobody knows.
    pub(super) fn repair(&mut self, raw: &Raw, thread: Slot, generation: u64) -> bool {
        let at = self.context(thread);
        let [first, second, third, _] = raw.args;
        match raw.kind {
            Kind::GoStart => {
                self.free_thread(thread);
                self.suppose(first, GoState::Runnable, generation, second);
            }
            Kind::GoUnblock => self.suppose(first, GoState::Waiting, generation, second),
            Kind::GoSwitch | Kind::GoSwitchDestroy => {
                if !self.put(at.go, GoState::Running) || self.gos.find(first) == Some(at.go) {
                    return false;
                }
                self.suppose(first, GoState::Waiting, generation, second);
            }
            Kind::GoBlock | Kind::GoStop | Kind::GoDestroy => {
                return self.put(at.go, GoState::Running);
            }
            Kind::GoSyscallBegin => {
                if let Some(proc) = self.procs.get_mut(at.proc) {
                    proc.sequence = Sequence { generation, number: first.wrapping_sub(1) };
                }
                return self.put(at.go, GoState::Running);
            }
            Kind::GoSyscallEnd => return self.put(at.go, GoState::Syscall),
            Kind::GoSyscallEndBlocked | Kind::GoDestroySyscall => {
                if let Some(proc) = self.procs.get_mut(at.proc) {
                    proc.status = Status::Idle;
                }
                self.bind_proc(thread, Slot::NONE);
                return self.put(at.go, GoState::Syscall);
            }
            Kind::GoCreateSyscall => self.free_thread(thread),
            Kind::GoStatus | Kind::GoStatusStack => {
                let Some(state) = go_state(third) else { return false };
                let Some(slot) = self.gos.find(first) else {
                    if state == GoState::Syscall {
                        let named = self.thread(second);
                        self.free_thread(named);
                    }
                    return true;
                };
                self.leave_thread(slot);
                self.put(slot, state);
                if state == GoState::Syscall {
                    let named = self.thread(second);
                    self.free_thread(named);
                    self.bind_go(named, slot);
                }
            }
            Kind::ProcStart => {
                self.idle(at.proc);
                self.bind_proc(thread, Slot::NONE);
                self.suppose_proc(first, Status::Idle, generation, second);
            }
            Kind::ProcStop => {
                let Some(proc) = self.procs.get_mut(at.proc) else { return false };
                proc.status = Status::Running;
            }
            Kind::ProcSteal => self.suppose_proc(first, Status::Abandoned, generation, second),
            Kind::ProcStatus => {
                let Some(status) = Status::of(second) else { return false };
                self.suppose_proc(first, status, generation, 1);
                if matches!(status, Status::Running | Status::Syscall) {
                    self.idle(at.proc);
                    self.bind_proc(thread, Slot::NONE);
                }
            }
            Kind::GCActive | Kind::GCBegin | Kind::GCEnd => {
                self.cycle = first.wrapping_sub(1);
                self.collector = match raw.kind {
                    Kind::GCBegin => Collector::Rests,
                    _ => Collector::Marks,
                };
            }
            _ => {}
        }
        true
    }

    /// A goroutine in a state, on no thread, whose last event has the number before `number`.
    fn suppose(&mut self, id: u64, state: GoState, generation: u64, number: u64) {
        let slot = match self.gos.find(id) {
            Some(slot) => slot,
            None => self.add_go(id, state, generation),
        };
        self.leave_thread(slot);
        if let Some(go) = self.gos.get_mut(slot) {
            go.state = state;
            go.sequence = Sequence { generation, number: number.wrapping_sub(1) };
        }
    }

    /// A processor in a state, on no thread, whose last event has the number before `number`.
    fn suppose_proc(&mut self, id: u64, status: Status, generation: u64, number: u64) {
        let slot = match self.procs.find(id) {
            Some(slot) => slot,
            None => self.add_proc(id, status, generation),
        };
        if let Some(thread) = self.procs.get(slot).map(|proc| proc.thread) {
            self.bind_proc(thread, Slot::NONE);
        }
        if let Some(proc) = self.procs.get_mut(slot) {
            proc.status = status;
            proc.sequence = Sequence { generation, number: number.wrapping_sub(1) };
        }
    }

    /// Sets the state of a goroutine, if there is one.
    pub(super) fn put(&mut self, go: Slot, state: GoState) -> bool {
        self.gos.get_mut(go).map(|go| go.state = state).is_some()
    }

    /// The goroutine of a thread is there no more: it yielded, as far as one knows.
    fn free_thread(&mut self, thread: Slot) {
        let go = self.context(thread).go;
        self.put(go, GoState::Runnable);
        self.bind_go(thread, Slot::NONE);
    }

    fn leave_thread(&mut self, go: Slot) {
        if let Some(thread) = self.gos.get(go).map(|go| go.thread) {
            self.bind_go(thread, Slot::NONE);
        }
    }

    fn idle(&mut self, proc: Slot) {
        if let Some(proc) = self.procs.get_mut(proc) {
            proc.status = Status::Idle;
        }
    }
}

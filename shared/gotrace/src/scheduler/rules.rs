//! What each event needs to come next, what it changes, and what it means.

use crate::event::{GoState, NONE, ProcState, Range, What};
use crate::names::{StackId, StringId};
use crate::raw::{Kind, Raw};

use super::{
    Collector, Context, Go, Proc, Scene, Scheduler, Sequence, Slot, Status, Step, go_state,
};

/// Arguments of a state transition that most have not.
const NO_REASON: StringId = StringId::EMPTY;

impl Scheduler {
    /// The rule of an event. `first` tells that it is of the trace's first generation.
    pub(super) fn rule(
        &mut self,
        raw: &Raw,
        at: Context,
        scene: &mut Scene<'_>,
        first: bool,
    ) -> Step {
        match raw.kind {
            Kind::GoStart => self.go_start(raw, at, scene),
            Kind::GoUnblock => self.go_unblock(raw, at, scene),
            Kind::GoBlock | Kind::GoStop | Kind::GoDestroy => self.go_leaves(raw, at, scene),
            Kind::GoCreate => self.go_create(raw, at, scene, GoState::Runnable),
            Kind::GoCreateBlocked => self.go_create(raw, at, scene, GoState::Waiting),
            Kind::GoSwitch | Kind::GoSwitchDestroy => self.go_switch(raw, at, scene),
            Kind::GoStatus | Kind::GoStatusStack => self.go_status(raw, at, scene, first),
            Kind::GoSyscallBegin => self.syscall_begin(raw, at, scene),
            Kind::GoSyscallEnd => self.syscall_end(raw, at, scene),
            Kind::GoSyscallEndBlocked => self.syscall_end_blocked(raw, at, scene),
            Kind::GoCreateSyscall => self.create_in_syscall(raw, at, scene),
            Kind::GoDestroySyscall => self.destroy_in_syscall(raw, at, scene),
            Kind::ProcStart => self.proc_start(raw, at, scene),
            Kind::ProcStop => self.proc_stop(raw, at, scene),
            Kind::ProcSteal => self.proc_steal(raw, at, scene),
            Kind::ProcStatus => self.proc_status(raw, at, scene, first),
            Kind::GCActive | Kind::GCBegin | Kind::GCEnd => self.mark(raw, at, scene, first),
            Kind::GCSweepActive | Kind::GCSweepBegin | Kind::GCSweepEnd => {
                self.sweeping(raw, at, scene, first)
            }
            Kind::STWBegin
            | Kind::STWEnd
            | Kind::GCMarkAssistActive
            | Kind::GCMarkAssistBegin
            | Kind::GCMarkAssistEnd => self.go_range(raw, at, scene, first),
            Kind::UserTaskBegin | Kind::UserTaskEnd => self.task(raw, at, scene),
            Kind::UserRegionBegin | Kind::UserRegionEnd => self.region(raw, at, scene),
            Kind::ProcsChange | Kind::HeapAlloc | Kind::HeapGoal => self.metric(raw, at, scene),
            Kind::GoLabel | Kind::UserLog => self.note(raw, at, scene),
            Kind::Span
            | Kind::SpanAlloc
            | Kind::SpanFree
            | Kind::HeapObject
            | Kind::HeapObjectAlloc
            | Kind::HeapObjectFree
            | Kind::GoroutineStack
            | Kind::GoroutineStackAlloc
            | Kind::GoroutineStackFree => {
                if at.thread.is_none() && !self.bent {
                    return Step::Broken;
                }
                self.tell(scene, raw, at, What::Experimental);
                Step::Done
            }
        }
    }

    /// There is a thread, with a processor.
    #[inline]
    fn on_proc(&self, at: Context) -> bool {
        self.bent || !(at.thread.is_none() || at.proc.is_none())
    }

    /// There is a thread with a processor, and a goroutine.
    #[inline]
    fn in_go(&self, at: Context) -> bool {
        self.on_proc(at) && (self.bent || !at.go.is_none())
    }

    /// The goroutine of an id, if `number` is its next place in order and it is in a state.
    #[inline]
    fn due_go(
        &mut self,
        id: u64,
        number: u64,
        state: GoState,
        scene: &Scene<'_>,
    ) -> Option<(Slot, &mut Go)> {
        let slot = self.gos.find(id)?;
        let go = self.gos.get_mut(slot)?;
        let due = go.sequence.precedes(scene.generation, number) && go.state == state;
        due.then_some((slot, go))
    }

    /// The processor of an id, if `number` is its next place in order.
    #[inline]
    fn due_proc(&mut self, id: u64, number: u64, scene: &Scene<'_>) -> Option<(Slot, &mut Proc)> {
        let slot = self.procs.find(id)?;
        let proc = self.procs.get_mut(slot)?;
        proc.sequence.precedes(scene.generation, number).then_some((slot, proc))
    }

    /// The id of the goroutine of a context, if there is one in this state.
    #[inline]
    fn goroutine_in(&self, at: Context, state: GoState) -> Option<u64> {
        let go = self.gos.get(at.go).filter(|go| go.state == state);
        go.map(|_| self.gos.id(at.go))
    }

    #[inline]
    fn go(go: u64, from: GoState, to: GoState) -> What {
        What::Go { go, from, to, reason: NO_REASON, start: StackId::NONE }
    }

    fn go_start(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        let [id, number, ..] = raw.args;
        let bent = self.bent;
        let Some((slot, go)) = self.due_go(id, number, GoState::Runnable, scene) else {
            return Step::Wait;
        };
        if !at.go.is_none() || at.thread.is_none() || (at.proc.is_none() && !bent) {
            return Step::Broken;
        }
        go.advance(GoState::Running);
        self.tell(scene, raw, at, Self::go(id, GoState::Runnable, GoState::Running));
        self.bind_go(at.thread, slot);
        Step::Done
    }

    fn go_unblock(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        let [id, number, ..] = raw.args;
        let Some((_, go)) = self.due_go(id, number, GoState::Waiting, scene) else {
            return Step::Wait;
        };
        go.advance(GoState::Runnable);
        self.tell(scene, raw, at, Self::go(id, GoState::Waiting, GoState::Runnable));
        Step::Done
    }

    /// The goroutine of the thread blocks, yields or ends.
    fn go_leaves(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        if !self.in_go(at) {
            return Step::Broken;
        }
        let Some(id) = self.goroutine_in(at, GoState::Running) else { return Step::Broken };
        let to = match raw.kind {
            Kind::GoDestroy => GoState::NotExist,
            Kind::GoStop => GoState::Runnable,
            _ => GoState::Waiting,
        };
        let reason = match to {
            GoState::NotExist => NO_REASON,
            _ => scene.tables.string(raw.args[0]),
        };
        self.put(at.go, to);
        let what = What::Go { go: id, from: GoState::Running, to, reason, start: StackId::NONE };
        self.tell(scene, raw, at, what);
        self.bind_go(at.thread, Slot::NONE);
        if to == GoState::NotExist {
            self.remove_go(at.go);
        }
        Step::Done
    }

    fn go_create(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>, to: GoState) -> Step {
        if !self.on_proc(at) {
            return Step::Broken;
        }
        if self.gos.get(at.go).is_some_and(|go| go.state != GoState::Running) && !self.bent {
            return Step::Broken;
        }
        let [id, start, ..] = raw.args;
        if id == NONE || self.gos.find(id).is_some() {
            return Step::Broken;
        }
        self.add_go(id, to, scene.generation);
        let start = scene.tables.stack(start);
        let from = GoState::NotExist;
        self.tell(scene, raw, at, What::Go { go: id, from, to, reason: NO_REASON, start });
        Step::Done
    }

    /// A coroutine hands over to another: that one is unblocked, this one blocks or ends, and
    /// that one runs.
    fn go_switch(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        if !self.in_go(at) {
            return Step::Broken;
        }
        if self.gos.get(at.go).is_none_or(|go| go.state != GoState::Running) {
            return Step::Broken;
        }
        let [id, number, ..] = raw.args;
        let Some((slot, go)) = self.due_go(id, number, GoState::Waiting, scene) else {
            return Step::Wait;
        };
        go.advance(GoState::Running);
        self.tell(scene, raw, at, Self::go(id, GoState::Waiting, GoState::Runnable));
        let to = match raw.kind {
            Kind::GoSwitchDestroy => GoState::NotExist,
            _ => GoState::Waiting,
        };
        let current = self.gos.id(at.go);
        self.tell(scene, raw, at, Self::go(current, GoState::Running, to));
        self.put(at.go, to);
        let nobody = Context { go: Slot::NONE, ..at };
        self.tell(scene, raw, nobody, Self::go(id, GoState::Runnable, GoState::Running));
        self.bind_go(at.thread, slot);
        if to == GoState::NotExist {
            self.remove_go(at.go);
        }
        Step::Done
    }

    /// The state of a goroutine is told anew in each generation.
    fn go_status(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>, first: bool) -> Step {
        let [id, thread, status, _] = raw.args;
        let Some(to) = go_state(status) else { return Step::Broken };
        if id == NONE || (to == GoState::Syscall && thread == NONE) {
            return Step::Broken;
        }
        let known = self.gos.find(id);
        let from = match known.and_then(|slot| self.gos.get_mut(slot)) {
            Some(go) if go.state != to => return Step::Broken,
            Some(_) => to,
            None if first => GoState::Undetermined,
            None => return Step::Broken,
        };
        let mut told = at;
        let mut bound = Slot::NONE;
        if to == GoState::Running {
            bound = at.thread;
        } else if to == GoState::Syscall {
            if thread == self.threads.id(at.thread) {
                if !first && Some(at.go) != known {
                    return Step::Broken;
                }
                bound = at.thread;
            } else if let Some(other) = self.threads.find(thread) {
                let has = self.context(other);
                if known != Some(has.go) {
                    return Step::Broken;
                }
                told = Context { thread: other, go: has.go, proc: at.proc };
            } else {
                bound = self.thread(thread);
                told.thread = bound;
            }
        }
        let slot = known.unwrap_or_else(|| self.add_go(id, to, scene.generation));
        if let Some(go) = self.gos.get_mut(slot) {
            go.sequence = Sequence::start(scene.generation);
        }
        self.tell(scene, raw, told, Self::go(id, from, to));
        if !bound.is_none() {
            self.bind_go(bound, slot);
        }
        Step::Done
    }

    fn syscall_begin(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        if !self.in_go(at) {
            return Step::Broken;
        }
        let Some(id) = self.goroutine_in(at, GoState::Running) else { return Step::Broken };
        match self.procs.get_mut(at.proc) {
            Some(proc) => {
                if !proc.sequence.precedes(scene.generation, raw.args[0]) {
                    return Step::Broken;
                }
                proc.advance(Status::Syscall);
            }
            None if self.bent => {}
            None => return Step::Broken,
        }
        self.put(at.go, GoState::Syscall);
        self.tell(scene, raw, at, Self::go(id, GoState::Running, GoState::Syscall));
        Step::Done
    }

    fn syscall_end(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        if !self.in_go(at) {
            return Step::Broken;
        }
        let Some(id) = self.goroutine_in(at, GoState::Syscall) else { return Step::Broken };
        match self.procs.get_mut(at.proc) {
            Some(proc) if proc.status == Status::Syscall || self.bent => {
                proc.status = Status::Running;
            }
            None if self.bent => {}
            _ => return Step::Broken,
        }
        self.put(at.go, GoState::Running);
        self.tell(scene, raw, at, Self::go(id, GoState::Syscall, GoState::Running));
        Step::Done
    }

    /// The thread lost its processor during the call, so it can't go on before that is placed.
    fn syscall_end_blocked(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        if self.procs.get(at.proc).is_some_and(|proc| proc.status == Status::Syscall) {
            return Step::Wait;
        }
        if at.thread.is_none() {
            return Step::Broken;
        }
        let Some(id) = self.goroutine_in(at, GoState::Syscall) else { return Step::Broken };
        self.put(at.go, GoState::Runnable);
        self.tell(scene, raw, at, Self::go(id, GoState::Syscall, GoState::Runnable));
        self.bind_go(at.thread, Slot::NONE);
        Step::Done
    }

    /// C code calls Go: a goroutine comes into being for it.
    fn create_in_syscall(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        let id = raw.args[0];
        if at.thread.is_none() || !at.go.is_none() || id == NONE || self.gos.find(id).is_some() {
            return Step::Broken;
        }
        let slot = self.add_go(id, GoState::Syscall, scene.generation);
        self.tell(scene, raw, at, Self::go(id, GoState::NotExist, GoState::Syscall));
        self.bind_go(at.thread, slot);
        Step::Done
    }

    /// That call returns. The thread may be gone for good, so it loses its processor too.
    fn destroy_in_syscall(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        let id = self.gos.id(at.go);
        if at.thread.is_none() || self.gos.get(at.go).is_none_or(|go| go.state != GoState::Syscall)
        {
            return Step::Broken;
        }
        if let Some(proc) = self.procs.get_mut(at.proc) {
            if proc.status != Status::Syscall && !self.bent {
                return Step::Broken;
            }
            proc.status = Status::Abandoned;
            let (from, to) = (ProcState::Running, ProcState::Idle);
            let what = What::Proc { proc: self.procs.id(at.proc), from, to };
            self.tell(scene, raw, at, what);
            self.bind_proc(at.thread, Slot::NONE);
        }
        self.tell(scene, raw, at, Self::go(id, GoState::Syscall, GoState::NotExist));
        self.remove_go(at.go);
        Step::Done
    }

    fn proc_start(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        let [id, number, ..] = raw.args;
        let Some((slot, proc)) = self.due_proc(id, number, scene) else { return Step::Wait };
        if proc.status != Status::Idle || !at.proc.is_none() {
            return Step::Wait;
        }
        if at.thread.is_none() {
            return Step::Broken;
        }
        proc.advance(Status::Running);
        let (from, to) = (ProcState::Idle, ProcState::Running);
        self.tell(scene, raw, at, What::Proc { proc: id, from, to });
        self.bind_proc(at.thread, slot);
        Step::Done
    }

    fn proc_stop(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        let id = self.procs.id(at.proc);
        let Some(proc) = self.procs.get_mut(at.proc) else { return Step::Broken };
        if !matches!(proc.status, Status::Running | Status::Syscall) {
            return Step::Broken;
        }
        proc.status = Status::Idle;
        let (from, to) = (ProcState::Running, ProcState::Idle);
        self.tell(scene, raw, at, What::Proc { proc: id, from, to });
        self.bind_proc(at.thread, Slot::NONE);
        Step::Done
    }

    /// Another thread takes the processor of one that is inside of a system call.
    fn proc_steal(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        let [id, number, robbed, _] = raw.args;
        let Some((slot, proc)) = self.due_proc(id, number, scene) else { return Step::Wait };
        let status = proc.status;
        if !matches!(status, Status::Syscall | Status::Abandoned) {
            return Step::Wait;
        }
        if at.thread.is_none() {
            return Step::Broken;
        }
        let from = status.shown();
        if status == Status::Syscall {
            let robbed = self.threads.find(robbed).unwrap_or(Slot::NONE);
            if self.context(robbed).proc != slot {
                return Step::Broken;
            }
            self.bind_proc(robbed, Slot::NONE);
        }
        if let Some(proc) = self.procs.get_mut(slot) {
            proc.advance(Status::Idle);
        }
        self.tell(scene, raw, at, What::Proc { proc: id, from, to: ProcState::Idle });
        Step::Done
    }

    /// The state of a processor is told anew in each generation.
    fn proc_status(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>, first: bool) -> Step {
        let [id, status, ..] = raw.args;
        let Some(mut status) = Status::of(status) else { return Step::Broken };
        if id == NONE {
            return Step::Broken;
        }
        let mut told = at;
        let mut binds = at.thread;
        let known = self.procs.find(id);
        let from = match known.and_then(|slot| self.procs.get(slot)) {
            Some(proc) if status == Status::Abandoned && proc.status == Status::Syscall => {
                // Its thread is known here, and the event belongs to that one.
                if proc.thread.is_none() {
                    return Step::Broken;
                }
                status = Status::Syscall;
                told = self.context(proc.thread);
                binds = proc.thread;
                ProcState::Running
            }
            Some(proc) if proc.status != status => return Step::Broken,
            Some(_) => status.shown(),
            None if first => ProcState::Undetermined,
            None => ProcState::NotExist,
        };
        let slot = known.unwrap_or_else(|| self.add_proc(id, status, scene.generation));
        if let Some(proc) = self.procs.get_mut(slot) {
            proc.sequence = Sequence::start(scene.generation);
        }
        self.tell(scene, raw, told, What::Proc { proc: id, from, to: status.shown() });
        if matches!(status, Status::Running | Status::Syscall) {
            self.bind_proc(binds, slot);
        }
        Step::Done
    }

    fn mark(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>, first: bool) -> Step {
        let cycle = raw.args[0];
        let unknown = self.collector == Collector::Unknown;
        let begins = match raw.kind {
            Kind::GCActive if first && !self.bent => {
                if !unknown {
                    return Step::Broken;
                }
                true
            }
            Kind::GCBegin => unknown,
            _ => false,
        };
        if !begins {
            if self.cycle.checked_add(1) != Some(cycle) {
                return Step::Wait;
            }
            let expected = match raw.kind {
                Kind::GCBegin => Collector::Rests,
                _ => Collector::Marks,
            };
            if self.collector != expected || !self.in_go(at) {
                return Step::Broken;
            }
        }
        self.cycle = cycle;
        let (collector, what) = match raw.kind {
            Kind::GCEnd => (Collector::Rests, What::RangeEnd(Range::Mark)),
            Kind::GCActive => (Collector::Marks, What::RangeActive(Range::Mark)),
            _ => (Collector::Marks, What::RangeBegin(Range::Mark)),
        };
        self.collector = collector;
        self.tell(scene, raw, at, what);
        Step::Done
    }

    fn sweeping(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>, first: bool) -> Step {
        let active = raw.kind == Kind::GCSweepActive;
        if !active && !self.on_proc(at) {
            return Step::Broken;
        }
        let slot =
            if active { self.procs.find(raw.args[0]).unwrap_or(Slot::NONE) } else { at.proc };
        let bent = self.bent;
        match self.procs.get_mut(slot) {
            Some(proc) => {
                let sweeps = match raw.kind {
                    Kind::GCSweepEnd => true,
                    Kind::GCSweepActive => !first,
                    _ => false,
                };
                if proc.sweeps != sweeps && !bent {
                    return Step::Broken;
                }
                proc.sweeps = raw.kind != Kind::GCSweepEnd;
            }
            None if bent => {}
            None => return Step::Broken,
        }
        let what = match raw.kind {
            Kind::GCSweepActive => What::RangeActive(Range::Sweep(raw.args[0])),
            Kind::GCSweepBegin => What::RangeBegin(self.sweep(at)),
            _ => What::RangeEnd(self.sweep(at)),
        };
        self.tell(scene, raw, at, what);
        Step::Done
    }

    /// A goroutine stops the world, or has to help the collector.
    fn go_range(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>, first: bool) -> Step {
        let active = raw.kind == Kind::GCMarkAssistActive;
        if !active && !self.in_go(at) {
            return Step::Broken;
        }
        let id = if active { raw.args[0] } else { self.gos.id(at.go) };
        let slot = if active { self.gos.find(id).unwrap_or(Slot::NONE) } else { at.go };
        let bent = self.bent;
        let Some(go) = self.gos.get_mut(slot) else { return Step::Broken };
        let what = match raw.kind {
            Kind::STWBegin => {
                let why = scene.tables.string(raw.args[0]);
                let stops_world = &mut go.aside.get_or_insert_default().stops_world;
                // Go asks for the same reason only; the world can't be stopped twice for two.
                if *stops_world == Some(why) && !bent {
                    return Step::Broken;
                }
                *stops_world = Some(why);
                What::RangeBegin(Range::StopTheWorld(why))
            }
            Kind::STWEnd => match go.aside.as_mut().and_then(|aside| aside.stops_world.take()) {
                Some(why) => What::RangeEnd(Range::StopTheWorld(why)),
                None if bent => What::RangeEnd(Range::StopTheWorld(StringId::EMPTY)),
                None => return Step::Broken,
            },
            _ => {
                let expected = match raw.kind {
                    Kind::GCMarkAssistEnd => true,
                    Kind::GCMarkAssistActive => !first,
                    _ => false,
                };
                if go.assists != expected && !bent {
                    return Step::Broken;
                }
                go.assists = raw.kind != Kind::GCMarkAssistEnd;
                match raw.kind {
                    Kind::GCMarkAssistActive => What::RangeActive(Range::Assist(id)),
                    Kind::GCMarkAssistBegin => What::RangeBegin(Range::Assist(id)),
                    _ => What::RangeEnd(Range::Assist(id)),
                }
            }
        };
        self.tell(scene, raw, at, what);
        Step::Done
    }

    fn task(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        if !self.in_go(at) {
            return Step::Broken;
        }
        let [task, parent, name, _] = raw.args;
        let what = if raw.kind == Kind::UserTaskBegin {
            // As a parent, 0 is no task.
            let parent = if parent == 0 { NONE } else { parent };
            let name = scene.tables.string(name);
            if self.tasks.insert(task, (parent, name)).is_some() && !self.bent {
                return Step::Broken;
            }
            What::TaskBegin { task, parent, name }
        } else {
            let (parent, name) = self.tasks.remove(&task).unwrap_or((NONE, StringId::EMPTY));
            What::TaskEnd { task, parent, name }
        };
        self.tell(scene, raw, at, what);
        Step::Done
    }

    fn region(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        if !self.in_go(at) {
            return Step::Broken;
        }
        let [task, name, ..] = raw.args;
        let name = scene.tables.string(name);
        let bent = self.bent;
        let Some(go) = self.gos.get_mut(at.go) else { return Step::Broken };
        let regions = &mut go.aside.get_or_insert_default().regions;
        let what = if raw.kind == Kind::UserRegionBegin {
            regions.push((task, name));
            What::RegionBegin { task, name }
        } else {
            // One that was entered before the trace is not known here.
            if let Some(inner) = regions.last() {
                if *inner != (task, name) && !bent {
                    return Step::Broken;
                }
                regions.pop();
            }
            What::RegionEnd { task, name }
        };
        self.tell(scene, raw, at, what);
        Step::Done
    }

    fn metric(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        use crate::event::Metric;
        let (metric, fits) = match raw.kind {
            Kind::HeapAlloc => (Metric::HeapAlloc, self.on_proc(at)),
            Kind::HeapGoal => (Metric::HeapGoal, self.on_proc(at)),
            _ => (Metric::Procs, self.in_go(at)),
        };
        if !fits {
            return Step::Broken;
        }
        self.tell(scene, raw, at, What::Metric(metric, raw.args[0]));
        Step::Done
    }

    fn note(&mut self, raw: &Raw, at: Context, scene: &mut Scene<'_>) -> Step {
        if !self.in_go(at) {
            return Step::Broken;
        }
        let what = if raw.kind == Kind::UserLog {
            let [task, key, value, _] = raw.args;
            let [key, value] = [key, value].map(|id| scene.tables.string(id));
            What::Log { task, key, value }
        } else {
            What::Label(scene.tables.string(raw.args[0]))
        };
        self.tell(scene, raw, at, what);
        Step::Done
    }
}

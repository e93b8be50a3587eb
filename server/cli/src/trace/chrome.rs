//! A trace in the JSON of Chrome's trace viewer, which Perfetto reads too.
//!
//! | process | tracks |
//! |---|---|
//! | 1 goroutines | one for each: its states, its creation and wake-ups as arrows, messages and CPU samples; tasks and regions beside it |
//! | 2 processors | one for each: which goroutine ran |
//! | 3 runtime | the collector, stops of the world, the heap, the number of processors |
//!
//! Events are grouped by goroutine and not sorted by time, which both viewers do themselves. No
//! slice is on track 0: Perfetto takes that for the idle one, the same in all processes.
//! Format: Google's "Trace Event Format", sections on complete, flow, async, counter, instant and
//! metadata events. Times are microseconds with three digits, so that no nanosecond is lost.

use std::collections::HashMap;
use std::fmt::{Arguments, Display};
use std::io::{Result, Write};

use gotrace::event::{BACKGROUND, GoState, Metric, Range, TaskId};
use gotrace::facts::range_name;
use gotrace::trace::{Go, Goroutine, Slice};
use gotrace::{Names, StackId};

use super::open::Opened;
use super::show::{self, Site};
use super::table::micros;

const GOROUTINES: u32 = 1;
const PROCESSORS: u32 = 2;
const RUNTIME: u32 = 3;
/// Tracks of [`RUNTIME`].
const COLLECTOR: u32 = 1;
const STOPS: u32 = 2;

/// Writes all of a trace.
pub(super) fn write(opened: &Opened, out: &mut dyn Write) -> Result<()> {
    let mut writer = Writer { out, opened, sites: HashMap::new(), flows: 0, is_first: true };
    writer.all()
}

struct Writer<'w> {
    out: &'w mut dyn Write,
    opened: &'w Opened,
    /// What stands for a stack, since many slices have the same.
    sites: HashMap<StackId, String>,
    flows: u64,
    is_first: bool,
}

/// A text as JSON writes it.
fn quoted(text: impl Display) -> String {
    serde_json::Value::from(text.to_string()).to_string()
}

/// The track of a processor.
fn processor(proc: u64) -> u64 {
    proc.saturating_add(1)
}

/// What a goroutine is called on its track.
fn title(names: &Names, goroutine: &Goroutine) -> String {
    format!("G{} {}", goroutine.id, show::text(names, goroutine.function))
}

impl Writer<'_> {
    fn all(&mut self) -> Result<()> {
        let Opened { name, version, .. } = self.opened;
        write!(
            self.out,
            "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"file\":{},\"format\":\"Go 1.{version}\"}},\
             \"traceEvents\":[",
            quoted(name)
        )?;
        self.tracks()?;
        for goroutine in &self.opened.trace.goroutines {
            self.goroutine(goroutine)?;
        }
        self.arrows()?;
        self.annotations()?;
        self.runtime()?;
        self.out.write_all(b"\n]}\n")
    }

    fn put(&mut self, event: Arguments<'_>) -> Result<()> {
        let comma = if std::mem::take(&mut self.is_first) { "" } else { "," };
        writeln!(self.out, "{comma}")?;
        self.out.write_fmt(event)
    }

    /// Names of processes and tracks.
    fn tracks(&mut self) -> Result<()> {
        let opened = self.opened;
        for (pid, name) in
            [(GOROUTINES, "Goroutines"), (PROCESSORS, "Processors"), (RUNTIME, "Runtime")]
        {
            self.named("process_name", pid, 0, name)?;
            self.put(format_args!(
                "{{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":{pid},\"tid\":0,\"args\":{{\"sort_index\":{pid}}}}}"
            ))?;
        }
        for (order, goroutine) in opened.trace.goroutines.iter().enumerate() {
            self.named("thread_name", GOROUTINES, goroutine.id, &title(&opened.names, goroutine))?;
            self.put(format_args!(
                "{{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":{GOROUTINES},\"tid\":{},\"args\":{{\"sort_index\":{order}}}}}",
                goroutine.id
            ))?;
        }
        let slices = opened.trace.goroutines.iter().flat_map(|goroutine| goroutine.track.slices());
        let procs =
            slices.filter(|slice| slice.proc != u16::MAX).map(|slice| u64::from(slice.proc)).max();
        for proc in procs.into_iter().flat_map(|last| 0..=last) {
            self.named("thread_name", PROCESSORS, processor(proc), &format!("P{proc}"))?;
        }
        self.named("thread_name", RUNTIME, COLLECTOR, "Collector")?;
        self.named("thread_name", RUNTIME, STOPS, "Stop the world")
    }

    fn named(&mut self, what: &str, pid: u32, tid: impl Display, name: &str) -> Result<()> {
        let name = quoted(name);
        self.put(format_args!(
            "{{\"ph\":\"M\",\"name\":\"{what}\",\"pid\":{pid},\"tid\":{tid},\"args\":{{\"name\":{name}}}}}"
        ))
    }

    /// The states of a goroutine, and on processors when it ran.
    fn goroutine(&mut self, goroutine: &Goroutine) -> Result<()> {
        let opened = self.opened;
        let title = quoted(title(&opened.names, goroutine));
        for (index, slice) in goroutine.track.slices().iter().enumerate() {
            let end = goroutine.track.end(index, opened.trace.duration);
            let (begin, took) = (micros(slice.begin), micros(end.saturating_sub(slice.begin)));
            let name = quoted(show::state_of(&opened.names, slice));
            let args = self.args(slice);
            self.put(format_args!(
                "{{\"ph\":\"X\",\"cat\":\"state\",\"name\":{name},\"pid\":{GOROUTINES},\"tid\":{},\"ts\":{begin},\"dur\":{took},\"args\":{args}}}",
                goroutine.id
            ))?;
            if slice.state == GoState::Running && slice.proc != u16::MAX {
                self.put(format_args!(
                    "{{\"ph\":\"X\",\"cat\":\"run\",\"name\":{title},\"pid\":{PROCESSORS},\"tid\":{},\"ts\":{begin},\"dur\":{took},\"args\":{{\"goroutine\":{}}}}}",
                    processor(slice.proc.into()), goroutine.id
                ))?;
            }
        }
        Ok(())
    }

    fn args(&mut self, slice: &Slice) -> String {
        if slice.state == GoState::Running {
            return match slice.proc {
                u16::MAX => "{}".to_owned(),
                proc => format!("{{\"processor\":{proc}}}"),
            };
        }
        let names = &self.opened.names;
        let at = self.sites.entry(slice.stack).or_insert_with(|| {
            Site::of(names, slice.stack).map_or_else(
                || "{}".to_owned(),
                |site| {
                    format!(
                        "{{\"at\":{}}}",
                        quoted(format_args!("{} {}", site.function, site.short()))
                    )
                },
            )
        });
        at.clone()
    }

    /// Creations and wake-ups, as arrows from one goroutine to another.
    fn arrows(&mut self) -> Result<()> {
        let trace = &self.opened.trace;
        for goroutine in &trace.goroutines {
            if let Some(parent) = trace.goroutine(goroutine.parent) {
                self.arrow("go", goroutine.begin, parent.id, goroutine.id)?;
            }
        }
        for edge in &trace.edges {
            if let (Some(from), Some(to)) = (trace.goroutine(edge.from), trace.goroutine(edge.to)) {
                self.arrow(edge.wake.name(), edge.time, from.id, to.id)?;
            }
        }
        Ok(())
    }

    fn arrow(&mut self, name: &str, time: u64, from: u64, to: u64) -> Result<()> {
        self.flows += 1;
        let (flow, time) = (self.flows, micros(time));
        self.put(format_args!(
            "{{\"ph\":\"s\",\"cat\":\"wake\",\"name\":\"{name}\",\"id\":{flow},\"pid\":{GOROUTINES},\"tid\":{from},\"ts\":{time}}}"
        ))?;
        self.put(format_args!(
            "{{\"ph\":\"f\",\"bp\":\"e\",\"cat\":\"wake\",\"name\":\"{name}\",\"id\":{flow},\"pid\":{GOROUTINES},\"tid\":{to},\"ts\":{time}}}"
        ))
    }

    /// Tasks, regions, messages and CPU samples.
    fn annotations(&mut self) -> Result<()> {
        let Opened { trace, names, .. } = self.opened;
        let id = |go: Go| trace.goroutine(go).map_or(0, |goroutine| goroutine.id);
        let now = trace.duration;
        for task in &trace.tasks {
            let (own, tid) = (format!("task {}", task.id), id(task.go));
            let name = names.text(task.name);
            self.span("task", &own, name, (GOROUTINES, tid), task.begin, task.end.unwrap_or(now))?;
        }
        for region in &trace.regions {
            let tid = id(region.go);
            let (own, name) = (format!("goroutine {tid}"), names.text(region.name));
            self.span(
                "region",
                &own,
                name,
                (GOROUTINES, tid),
                region.begin,
                region.end.unwrap_or(now),
            )?;
        }
        for log in &trace.logs {
            let task = match log.task {
                BACKGROUND | TaskId::MAX => String::new(),
                task => format!(",\"task\":{task}"),
            };
            let name = match names.text(log.key) {
                "" => "log",
                key => key,
            };
            let args = format!("{{\"message\":{}{task}}}", quoted(names.text(log.value)));
            self.instant("log", name, id(log.go), log.time, &args)?;
        }
        for sample in &trace.samples {
            let function = names.top(sample.stack).map_or("sample", |top| names.text(top.function));
            self.instant("cpu", function, id(sample.go), sample.time, "{}")?;
        }
        Ok(())
    }

    /// Something that may overlap with others of its goroutine.
    fn span(
        &mut self,
        kind: &str,
        own: &str,
        name: &str,
        (pid, tid): (u32, u64),
        begin: u64,
        end: u64,
    ) -> Result<()> {
        let (own, name) = (quoted(own), quoted(name));
        for (phase, time) in [("b", begin), ("e", end)] {
            let time = micros(time);
            self.put(format_args!(
                "{{\"ph\":\"{phase}\",\"cat\":\"{kind}\",\"id\":{own},\"name\":{name},\"pid\":{pid},\"tid\":{tid},\"ts\":{time}}}"
            ))?;
        }
        Ok(())
    }

    fn instant(&mut self, kind: &str, name: &str, tid: u64, time: u64, args: &str) -> Result<()> {
        let (name, time) = (quoted(name), micros(time));
        self.put(format_args!(
            "{{\"ph\":\"i\",\"s\":\"t\",\"cat\":\"{kind}\",\"name\":{name},\"pid\":{GOROUTINES},\"tid\":{tid},\"ts\":{time},\"args\":{args}}}"
        ))
    }

    /// The collector, stops of the world, and numbers.
    fn runtime(&mut self) -> Result<()> {
        let Opened { trace, names, .. } = self.opened;
        for span in &trace.spans {
            let end = span.end.unwrap_or(trace.duration);
            let name = range_name(span.range, names);
            let track = match span.range {
                Range::Mark => COLLECTOR,
                Range::StopTheWorld(_) => STOPS,
                Range::Sweep(proc) => {
                    let track = (PROCESSORS, processor(proc));
                    self.span("gc", &format!("P{proc}"), &name, track, span.begin, end)?;
                    continue;
                }
                Range::Assist(id) => {
                    let track = (GOROUTINES, id);
                    self.span("gc", &format!("G{id}"), &name, track, span.begin, end)?;
                    continue;
                }
            };
            let (name, begin) = (quoted(name), micros(span.begin));
            let took = micros(end.saturating_sub(span.begin));
            self.put(format_args!(
                "{{\"ph\":\"X\",\"cat\":\"gc\",\"name\":{name},\"pid\":{RUNTIME},\"tid\":{track},\"ts\":{begin},\"dur\":{took}}}"
            ))?;
        }
        for (time, metric, value) in &trace.metrics {
            let (name, unit) = match metric {
                Metric::HeapAlloc => ("Heap", "bytes"),
                Metric::HeapGoal => ("Heap goal", "bytes"),
                Metric::Procs => ("Processors", "count"),
            };
            let time = micros(*time);
            self.put(format_args!(
                "{{\"ph\":\"C\",\"cat\":\"runtime\",\"name\":\"{name}\",\"pid\":{RUNTIME},\"tid\":0,\"ts\":{time},\"args\":{{\"{unit}\":{value}}}}}"
            ))?;
        }
        Ok(())
    }
}

//! `edges --channels`: the values that went through channels, each send with its receive.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use gotrace::channels::{Channels, ChannelsReader, Site};
use gotrace::messages::{Grade, Message, Messages};
use serde_json::{Value, json};

use super::edges::EdgesArgs;
use super::glob::Glob;
use super::open::{self, Opened};
use super::show;
use super::table::{self, Column, Table};

/// What gzip files begin with.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// Bytes that are read at once.
const PIECE: usize = 1 << 16;

/// Prints the messages of a run, of which both the trace and the records of channels were kept.
pub(super) fn messages(args: &EdgesArgs, file: &Path) -> Result<()> {
    let channels = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let opened = open::open(&args.file)?;
    if let Err(stranger) = channels.check_run(&opened.trace) {
        bail!("{} is of another run: {stranger}", file.display());
    }
    if channels.lost > 0 {
        eprintln!("coverglass: {} operations were lost", channels.lost);
    }
    let Messages { messages, channels: found } = Messages::of(&channels, Some(&opened.trace));
    let told = Told { channels: &channels, opened: &opened };
    let glob = args.function.as_deref().map(Glob::new);
    let chosen = messages.iter().filter(|message| {
        let mut ends = [message.from, message.to].into_iter().map(|id| told.function(id));
        glob.as_ref().is_none_or(|glob| ends.any(|name| glob.matches(name)))
    });
    let limit = args.limit.unwrap_or(usize::MAX);
    if args.each {
        let rows = chosen.take(limit);
        let capacity = |message: &Message| {
            found.get(message.channel as usize).map_or(0, |channel| channel.capacity)
        };
        return match args.json {
            true => table::print_json(rows.map(|row| told.to_json(row, capacity(row)))),
            false => table::print(told.each(rows, capacity).lines()),
        };
    }
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for message in chosen {
        let ends = (told.site(message.sent_at), told.site(message.received_at));
        *counts.entry((ends, message.grade)).or_default() += 1;
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, count)| Reverse(*count));
    rows.truncate(limit);
    if args.json {
        return table::print_json(rows.iter().map(|(((from, to), grade), count)| {
            json!({"count": count, "sent_at": from, "received_at": to, "grade": grade.name()})
        }));
    }
    let mut shown = Table::new(vec![
        Column::Numbers("count"),
        Column::Words("sent at"),
        Column::Words("received at"),
        Column::Words("certain"),
    ]);
    for (((from, to), grade), count) in rows {
        shown.add(vec![count.to_string(), from, to, certainty(grade).to_owned()]);
    }
    table::print(shown.lines())
}

/// Reads a file of channel operations, which may be packed with gzip.
fn read(file: &Path) -> Result<Channels> {
    let mut file = BufReader::new(File::open(file)?);
    let is_packed = file.fill_buf()?.starts_with(GZIP);
    let mut bytes: Box<dyn Read> =
        if is_packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = ChannelsReader::new(usize::MAX);
    let mut piece = vec![0; PIECE];
    loop {
        match bytes.read(&mut piece)? {
            0 => break,
            read => reader.push(piece.get(..read).unwrap_or_default())?,
        }
    }
    Ok(reader.finish()?)
}

/// What messages refer to.
struct Told<'a> {
    channels: &'a Channels,
    opened: &'a Opened,
}

impl Told<'_> {
    fn function(&self, id: u64) -> &str {
        let Opened { trace, names, .. } = self.opened;
        trace.find(id).map_or(show::NOTHING, |go| show::function(trace, names, go))
    }

    /// Function, file and line of a place.
    fn site(&self, number: u32) -> String {
        self.channels.sites.get(&number).map_or_else(
            || show::NOTHING.to_owned(),
            |Site { function, file, line, .. }| {
                let file = file.rsplit('/').next().unwrap_or(file);
                format!("{function} {file}:{line}")
            },
        )
    }

    fn to_json(&self, message: &Message, capacity: u32) -> Value {
        let end =
            |id, site| json!({"id": id, "function": self.function(id), "at": self.site(site)});
        json!({
            "sent_ns": message.sent,
            "received_ns": message.received,
            "from": end(message.from, message.sent_at),
            "to": end(message.to, message.received_at),
            "channel": message.channel,
            "capacity": capacity,
            "value": self.channels.words(&message.value),
            "grade": message.grade.name(),
        })
    }

    fn each<'m>(
        &self,
        rows: impl Iterator<Item = &'m Message>,
        capacity: impl Fn(&Message) -> u32,
    ) -> Table {
        let mut shown = Table::new(vec![
            Column::Numbers("sent µs"),
            Column::Numbers("received µs"),
            Column::Numbers("channel"),
            Column::Numbers("capacity"),
            Column::Words("value"),
            Column::Numbers("from"),
            Column::Words("at"),
            Column::Numbers("to"),
            Column::Words("at"),
            Column::Words("certain"),
        ]);
        let micros = |ns: i64| format!("{:.3}", ns as f64 / 1e3);
        for message in rows {
            shown.add(vec![
                micros(message.sent),
                micros(message.received),
                message.channel.to_string(),
                capacity(message).to_string(),
                self.channels.words(&message.value),
                message.from.to_string(),
                self.site(message.sent_at),
                message.to.to_string(),
                self.site(message.received_at),
                certainty(message.grade).to_owned(),
            ]);
        }
        shown
    }
}

/// How certain it is that a value is the one that was sent.
fn certainty(grade: Grade) -> &'static str {
    match grade {
        Grade::Exact => "yes",
        Grade::Ordered => "by order",
        Grade::Ambiguous => "no",
    }
}

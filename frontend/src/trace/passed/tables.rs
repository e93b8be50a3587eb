//! Tables of channels and of messages.

use gotrace::Trace;
use gotrace::messages::Message;

use super::Passed;
use crate::trace::detail::Place;
use crate::trace::tables::{Cell, MOST_ROWS, Pick, Record};

impl Passed {
    /// A row for each channel.
    pub(in crate::trace) fn channel_rows(&self) -> Vec<Record> {
        let figures = self.channels.iter().zip(&self.held).zip(&self.waited);
        let rows = figures.zip(0..).map(|(((channel, held), waited), index)| Record {
            cells: vec![
                Cell::Text(
                    if channel.element.is_empty() { "chan" } else { &channel.element }.to_owned(),
                ),
                Cell::Text(match channel.made {
                    Some(made) => self.site(made.site),
                    None => format!("0x{:x}", channel.address),
                }),
                Cell::Count(channel.capacity.into()),
                Cell::Count(channel.sends),
                Cell::Count(channel.receives),
                Cell::Count((*held).into()),
                Cell::Length(*waited),
                Cell::Text(if channel.closed.is_some() { "yes" } else { "no" }.to_owned()),
            ],
            shade: None,
            picks: vec![(0, Pick::Channel(index))],
        });
        rows.collect()
    }

    /// The first rows of messages between goroutines that are wanted, in the order of a column,
    /// and how many there are: all would take longer to write than to find.
    pub(in crate::trace) fn message_rows(
        &self,
        trace: &Trace,
        wanted: impl Fn(u32) -> bool,
        (column, down): (u32, bool),
    ) -> (Vec<Record>, usize) {
        let ids = |index: u32| {
            let id = |go| trace.goroutine(go).map_or(0, |goroutine| goroutine.id);
            self.ends(index).map_or((0, 0), |(from, to)| (id(from), id(to)))
        };
        let mut all: Vec<(u32, &Message)> = (0..)
            .zip(&self.messages)
            .filter(|(index, message)| self.is_wanted(message) && wanted(*index))
            .collect();
        let count = |time: i64| u64::try_from(time).unwrap_or(0);
        let under_way = |message: &Message| count(message.received.saturating_sub(message.sent));
        match column {
            1 => all.sort_by_cached_key(|(_, message)| self.value(message)),
            2 => all.sort_by_key(|(index, _)| ids(*index).0),
            3 => all.sort_by_cached_key(|(_, message)| self.site(message.sent_at)),
            4 => all.sort_by_key(|(index, _)| ids(*index).1),
            5 => all.sort_by_cached_key(|(_, message)| self.site(message.received_at)),
            6 => all.sort_by_cached_key(|(_, message)| self.title(message.channel)),
            7 => all.sort_by_key(|(_, message)| under_way(message)),
            8 => all.sort_by_key(|(_, message)| message.grade.name()),
            // They come by the time they were received.
            _ => {}
        }
        if down {
            all.reverse();
        }
        let rows = all.iter().take(MOST_ROWS).map(|(index, message)| {
            let (from, to) = ids(*index);
            Record {
                cells: vec![
                    Cell::Point(count(message.received)),
                    Cell::Text(self.value(message)),
                    Cell::Count(from),
                    Cell::Text(self.site(message.sent_at)),
                    Cell::Count(to),
                    Cell::Text(self.site(message.received_at)),
                    Cell::Text(self.title(message.channel)),
                    Cell::Length(under_way(message)),
                    Cell::Text(message.grade.name().to_owned()),
                ],
                shade: None,
                picks: vec![(
                    0,
                    Pick::Place(Place { id: to as f64, time: message.received as f64 }),
                )],
            }
        });
        (rows.collect(), all.len())
    }
}

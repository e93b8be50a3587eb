//! Frames and tables, byte by byte and at random.
//!
//! A change here that is no addition at the end of a body, and no new kind, is a new version of
//! the wire: `shared/wire/CHANGES.md`.

use std::fmt::Debug;

use ::wire::details::{Details, FileDetails, LineDetails, Metric};
use ::wire::frame::{
    Counts, Flow, FlowEvent, Frame, PackageCounts, Process, State, TraceBegin, TracePiece,
};
use ::wire::table::{Origin, TableFile, TableFunction, TableUnit};
use ::wire::{
    AgentToRelay, RelayToAgent, RelayToViewer, SourceId, Table, TableId, VERSION, WireError, limits,
};
use coverage::{Mode, ShapeBuilder, Span};
use proptest::collection::vec;
use proptest::prelude::*;

fn message<F: Frame>(frame: &F) -> Vec<u8> {
    let mut message = Vec::new();
    frame.encode(&mut message);
    message
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a body may end early and still be read: kinds whose last field is all that is left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Fixed,
    Open,
}

/// A frame is these bytes; cut anywhere it is refused; bytes after its last field are ignored;
/// and unknown frames around it are skipped. Blanks in `expected` stand between fields.
fn pin<F: Frame + Clone + Debug + PartialEq>(frame: &F, expected: &str, tail: Tail) {
    let bytes = message(frame);
    assert_eq!(hex(&bytes), expected.replace(' ', ""), "{frame:?}");
    assert_eq!(F::decode(&bytes), Ok(vec![frame.clone()]));

    for length in 1..bytes.len() {
        let error = F::decode(&bytes[..length]).expect_err("a frame that is cut is refused");
        assert!(matches!(error, WireError::Truncated { .. }), "{frame:?} cut at {length}: {error}");
    }
    let (kind, body) = (bytes[0], &bytes[2..]);
    assert!(bytes[1] < 0x80, "{frame:?}: choose a sample whose length is one byte");
    if tail == Tail::Fixed {
        for length in 0..body.len() {
            let error = F::decode_body(kind, &body[..length]).expect_err("a short body is refused");
            assert!(
                matches!(error, WireError::Truncated { .. }),
                "{frame:?}, body cut at {length}: {error}"
            );
        }
        let longer = [body, &[0xff; 3]].concat();
        assert_eq!(F::decode_body(kind, &longer), Ok(Some(frame.clone())), "added fields");
    }
    let unknown = [0xee, 0x02, 0xff, 0xff];
    let among = [&unknown, bytes.as_slice(), &unknown, bytes.as_slice()].concat();
    assert_eq!(F::decode(&among), Ok(vec![frame.clone(), frame.clone()]));
}

fn process() -> Process {
    Process {
        handle: 300,
        key: *b"0123456789abcdef",
        pid: 4711,
        host: "h".into(),
        service: "shop".into(),
        arguments: vec!["./shop".into(), "-v".into()],
        started_ms: 1_700_000_000_000,
        go_version: "go1.26.8".into(),
    }
}

const PROCESS: &str = "02 35 ac02 30313233343536373839616263646566 e724 01 68 04 73686f70 \
                       02 06 2e2f73686f70 02 2d76 80d095ffbc31 08 676f312e32362e38";

fn counts(ages_ms: &[u64]) -> Counts {
    let units = vec![0, 3, 200];
    let package =
        PackageCounts { package: 1, units, counts: vec![1, 0, u64::MAX], ages_ms: ages_ms.into() };
    Counts { handle: 7, at_ms: 130, packages: vec![package, PackageCounts::default()] }
}

const COUNTS: &str = "05 19 07 8201 00 02 01 03 00 01 03 00 c501 ffffffffffffffffff01 00 00";
const COUNTS_WITH_AGES: &str =
    "05 1d 07 8201 01 02 01 03 00 01 05 03 00 00 c501 ffffffffffffffffff01 8002 00 00";

fn flow() -> Flow {
    let event = FlowEvent { package: 2, unit: 129, goroutine: 18, label: 0, age_ms: 4 };
    Flow { handle: 7, at_ms: 130, lost: 5, events: vec![event, FlowEvent::default()] }
}

const FLOW: &str = "06 10 07 8201 05 02 02 8101 12 00 04 00 00 00 00 00";

const ID: [u8; 16] = *b"ABCDEFGHIJKLMNOP";
const ID_HEX: &str = "4142434445464748494a4b4c4d4e4f50";

#[test]
fn frames_from_agents_are_pinned() {
    use AgentToRelay as F;
    use Tail::{Fixed, Open};
    pin(&F::Hello { version: VERSION, name: "agent".into() }, "01 07 01 05 6167656e74", Fixed);
    pin(&F::Process(process()), PROCESS, Fixed);
    pin(&F::Table(b"CGT?".to_vec()), "03 04 43 47 54 3f", Open);
    let tables = vec![TableId(ID)];
    pin(&F::Packages { handle: 1, tables }, &format!("04 12 01 01 {ID_HEX}"), Fixed);
    pin(&F::Counts(counts(&[])), COUNTS, Fixed);
    pin(&F::Counts(counts(&[5, 0, 256])), COUNTS_WITH_AGES, Fixed);
    pin(&F::Flow(flow()), FLOW, Fixed);
    for (state, byte) in [(State::Running, "00"), (State::Ended, "01"), (State::Unreachable, "02")]
    {
        let frame = F::State { handle: 1, at_ms: 300, state };
        pin(&frame, &format!("07 04 01 ac02 {byte}"), Fixed);
    }
    let bytes = Some(b"go".to_vec());
    pin(&F::Source { id: SourceId(ID), bytes }, &format!("08 13 {ID_HEX} 01 676f"), Open);
    pin(&F::Source { id: SourceId(ID), bytes: None }, &format!("08 11 {ID_HEX} 00"), Fixed);
    pin(&F::Tracing { handle: 1, entries: 128 }, "09 03 01 8001", Fixed);
    let (host, name) = ("h".to_owned(), "api".to_owned());
    let header = b"go".to_vec();
    let begin = TraceBegin { trace: 1, pid: 300, host, name, header };
    pin(&F::TraceBegin(begin), "0a 0b 01 ac02 01 68 03 617069 676f", Open);
    let piece = TracePiece { trace: 1, begins: true, lost: 300, bytes: vec![1, 2] };
    pin(&F::TracePiece(piece), "0b 06 01 01 ac02 0102", Open);
    pin(&F::TraceEnd { trace: 1 }, "0c 01 01", Fixed);
}

#[test]
fn frames_to_agents_are_pinned() {
    use RelayToAgent as F;
    pin(&F::Want(SourceId(ID)), &format!("10 10 {ID_HEX}"), Tail::Fixed);
    pin(
        &F::Trace { handle: 1, on: true, package: None, units: vec![] },
        "11 04 01 01 00 00",
        Tail::Fixed,
    );
    pin(
        &F::Trace { handle: 1, on: false, package: Some(0), units: vec![9, 3] },
        "11 06 01 00 01 02 09 03",
        Tail::Fixed,
    );
}

#[test]
fn frames_to_viewers_are_pinned() {
    use RelayToViewer as F;
    use Tail::{Fixed, Open};
    pin(&F::Process(process()), PROCESS, Fixed);
    pin(&F::Table(b"CGT?".to_vec()), "03 04 43 47 54 3f", Open);
    let tables = vec![TableId(ID)];
    pin(&F::Packages { handle: 1, tables }, &format!("04 12 01 01 {ID_HEX}"), Fixed);
    pin(&F::Counts(counts(&[])), COUNTS, Fixed);
    pin(&F::Counts(counts(&[5, 0, 256])), COUNTS_WITH_AGES, Fixed);
    pin(&F::Flow(flow()), FLOW, Fixed);
    let state = State::Ended;
    pin(&F::State { handle: 1, at_ms: 300, state }, "07 04 01 ac02 01", Fixed);
    pin(&F::Tracing { handle: 1, entries: 128 }, "09 03 01 8001", Fixed);
    pin(
        &F::Welcome { version: VERSION, relay: 9, now_ms: 300, release: "0.1.0".into() },
        "20 0a 01 09 ac02 05 302e312e30",
        Fixed,
    );
    pin(&F::Reset { at_ms: 300, handles: vec![1, 2] }, "21 05 ac02 02 01 02", Fixed);
    pin(&F::Forget { handle: 1 }, "22 01 01", Fixed);
    pin(&F::Details(details()), DETAILS, Fixed);
}

fn details() -> Details {
    let row =
        |line, taken, total, text: &str| LineDetails { line, taken, total, text: text.into() };
    let rows = [row(3, 1, 2, "x"), row(300, 0, 0, ""), row(301, 2, 2, "x")];
    let metrics = vec![Metric { name: "branches".into(), covered: 3, total: 4 }];
    Details { handle: 1, lines: true, metrics, files: vec![FileDetails::new("a.c", &rows)] }
}

const DETAILS: &str = "23 27 01 01 01 08 6272616e63686573 03 04 01 03 612e63 03 04 \
                       11 02 00 01 78 03 01 02 01 a902 00 00 00 01 02 02 01";

#[test]
fn details_of_lines_come_back_when_they_are_asked_for() {
    let bytes = message(&RelayToViewer::Details(details()));
    let read = RelayToViewer::decode(&bytes);
    let Ok([RelayToViewer::Details(details)]) = read.as_deref() else { panic!("no details") };
    let lines = details.files[0].lines().expect("rows");
    let texts: Vec<_> =
        lines.iter().map(|row| (row.line, row.taken, row.total, &*row.text)).collect();
    assert_eq!(texts, [(3, 1, 2, "x"), (300, 0, 0, ""), (301, 2, 2, "x")]);
    // Rows that are damaged are refused when they are read.
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        for frame in RelayToViewer::decode(&damaged).unwrap_or_default() {
            if let RelayToViewer::Details(details) = frame {
                details.files.iter().for_each(|file| drop(file.lines()));
            }
        }
    }
}

fn table() -> Table {
    Table {
        package: "a/b".into(),
        name: "b".into(),
        module: "a".into(),
        mode: Mode::Count,
        origin: Origin::Dependency,
        files: vec![TableFile { path: "a/b/c.go".into(), source: SourceId(ID) }],
        functions: vec![
            TableFunction {
                name: "F".into(),
                file: 0,
                literal: false,
                units: vec![
                    TableUnit { span: Span::new(9, 24, 12, 2), statements: 2 },
                    TableUnit { span: Span::new(7, 1, 7, 9), statements: 0 },
                ],
            },
            TableFunction {
                name: "func.L200.C9".into(),
                file: 0,
                literal: true,
                units: vec![TableUnit { span: Span::new(200, 9, 201, 2), statements: 1 }],
            },
        ],
        entries: vec![0, 2],
    }
}

#[test]
fn tables_are_pinned() {
    let expected = format!(
        "434754 01 03 612f62 01 62 01 61 01 01 \
         01 08 612f622f632e676f {ID_HEX} \
         02 01 46 00 00 02 12 18 03 02 02 03 01 00 09 00 \
         0c 66756e632e4c3230302e4339 00 01 01 8203 09 01 02 01 \
         02 00 02"
    );
    let bytes = table().encode();
    assert_eq!(hex(&bytes), expected.replace(' ', ""));
    assert_eq!(Table::decode(&bytes), Ok(table()));
    assert_eq!(TableId::of(&bytes).hex(), "3b55978388118d8aba5e88b2a7b71875");
    for length in 0..bytes.len() {
        assert!(Table::decode(&bytes[..length]).is_err(), "{length} bytes were accepted");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(
        Table::decode(&longer).unwrap_err().to_string(),
        format!("byte {}: bytes after the table", bytes.len())
    );
}

#[test]
fn the_version_is_in_the_list_of_changes() {
    let changes = include_str!("../../shared/wire/CHANGES.md");
    assert!(changes.lines().any(|line| line.starts_with(&format!("| {VERSION} |"))));
}

#[test]
fn refusals_name_the_byte_and_the_reason() {
    let check = |message: &[u8], reason: &str| {
        assert_eq!(AgentToRelay::decode(message).unwrap_err().to_string(), reason);
    };
    check(&[1, 2, 2, 0], "version 2 is not the version 1 of this build");
    check(&[1, 3, 1, 1, 0xff], "byte 2: string is not UTF-8");
    check(&[7, 3, 1, 1, 3], "byte 3: unknown state");
    check(&[5, 8, 1, 1, 0, 1, 0, 2, 5, 0], "byte 5: unit list is cut short");
    check(&[5, 10, 1, 1, 0, 1, 0, 2, 5, 0, 0, 0], "byte 9: units are not ascending");
    check(
        &[9, 6, 0xff, 0xff, 0xff, 0xff, 0x1f, 0],
        "byte 0: process exceeds the limit of 4294967295",
    );
    check(&[4, 5, 1, 0xff, 0xff, 0xff, 0x7f], "byte 1: package list exceeds the limit of 65536");
    check(&[1, 0xff, 0xff, 0xff, 0x7f], "byte 1: frame exceeds the limit of 67108864");
}

#[test]
fn a_list_longer_than_its_bytes_is_refused_before_it_is_allocated() {
    // Four million units announced, none there.
    let mut body = vec![1, 1, 0, 1, 0];
    let mut n_units = limits::UNITS as u64;
    while n_units >= 0x80 {
        body.push((n_units & 0x7f) as u8 | 0x80);
        n_units >>= 7;
    }
    body.push((n_units & 0x7f) as u8);
    let error = AgentToRelay::decode_body(5, &body).unwrap_err();
    assert_eq!(error.to_string(), "byte 5: unit list is cut short");
}

#[test]
fn no_more_arguments_are_sent_than_may_be_read() {
    let arguments = vec!["x".to_owned(); limits::ARGUMENTS + 5];
    let bytes = message(&AgentToRelay::Process(Process { arguments, ..process() }));
    let frames = AgentToRelay::decode(&bytes).unwrap();
    let [AgentToRelay::Process(read)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(read.arguments.len(), limits::ARGUMENTS);
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-zé世/. -]{0,12}").expect("the pattern is one")
}

fn any_process() -> impl Strategy<Value = Process> {
    (any::<(u32, [u8; 16], u32, u64)>(), text(), text(), vec(text(), 0..limits::ARGUMENTS), text())
        .prop_map(|((handle, key, pid, started_ms), host, service, arguments, go_version)| {
            Process { handle, key, pid, host, service, arguments, started_ms, go_version }
        })
}

fn any_counts() -> impl Strategy<Value = Counts> {
    let package =
        (any::<u32>(), proptest::collection::btree_map(any::<u32>(), any::<(u64, u64)>(), 0..20));
    (any::<(u32, u64, bool)>(), vec(package, 0..4)).prop_map(|((handle, at_ms, ages), packages)| {
        let packages = packages
            .into_iter()
            .map(|(package, units)| PackageCounts {
                package,
                units: units.keys().copied().collect(),
                counts: units.values().map(|&(count, _)| count).collect(),
                ages_ms: units.values().filter(|_| ages).map(|&(_, age_ms)| age_ms).collect(),
            })
            .collect();
        Counts { handle, at_ms, packages }
    })
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let event =
        any::<(u32, u32, u64, u64, u64)>().prop_map(|(package, unit, goroutine, label, age_ms)| {
            FlowEvent { package, unit, goroutine, label, age_ms }
        });
    (any::<(u32, u64, u64)>(), vec(event, 0..20)).prop_map(|((handle, at_ms, lost), events)| Flow {
        handle,
        at_ms,
        lost,
        events,
    })
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::Running), Just(State::Ended), Just(State::Unreachable)]
}

fn any_tables() -> impl Strategy<Value = Vec<TableId>> {
    vec(any::<[u8; 16]>().prop_map(TableId), 0..8)
}

fn from_agent() -> impl Strategy<Value = AgentToRelay> {
    use AgentToRelay as F;
    prop_oneof![
        text().prop_map(|name| F::Hello { version: VERSION, name }),
        any_process().prop_map(F::Process),
        vec(any::<u8>(), 0..50).prop_map(F::Table),
        (any::<u32>(), any_tables()).prop_map(|(handle, tables)| F::Packages { handle, tables }),
        any_counts().prop_map(F::Counts),
        any_flow().prop_map(F::Flow),
        (any::<u32>(), any::<u64>(), any_state()).prop_map(|(handle, at_ms, state)| F::State {
            handle,
            at_ms,
            state
        }),
        any::<([u8; 16], Option<Vec<u8>>)>()
            .prop_map(|(id, bytes)| F::Source { id: SourceId(id), bytes }),
        any::<(u32, u32)>().prop_map(|(handle, entries)| F::Tracing { handle, entries }),
        any::<(u32, u32, String, String, [u8; 16])>().prop_map(
            |(trace, pid, host, name, header)| {
                F::TraceBegin(TraceBegin { trace, pid, host, name, header: header.to_vec() })
            }
        ),
        any::<(u32, bool, u64, Vec<u8>)>().prop_map(|(trace, begins, lost, bytes)| {
            F::TracePiece(TracePiece { trace, begins, lost, bytes })
        }),
        any::<u32>().prop_map(|trace| F::TraceEnd { trace }),
    ]
}

fn to_agent() -> impl Strategy<Value = RelayToAgent> {
    use RelayToAgent as F;
    prop_oneof![
        any::<[u8; 16]>().prop_map(|id| F::Want(SourceId(id))),
        (any::<u32>(), any::<bool>(), proptest::option::of(0..u32::MAX), any::<Vec<u32>>())
            .prop_map(|(handle, on, package, units)| F::Trace { handle, on, package, units }),
    ]
}

fn to_viewer() -> impl Strategy<Value = RelayToViewer> {
    use RelayToViewer as F;
    prop_oneof![
        (any::<u64>(), any::<u64>(), text()).prop_map(|(relay, now_ms, release)| F::Welcome {
            version: VERSION,
            relay,
            now_ms,
            release
        }),
        any_process().prop_map(F::Process),
        vec(any::<u8>(), 0..50).prop_map(F::Table),
        (any::<u32>(), any_tables()).prop_map(|(handle, tables)| F::Packages { handle, tables }),
        any_counts().prop_map(F::Counts),
        any_flow().prop_map(F::Flow),
        (any::<u32>(), any::<u64>(), any_state()).prop_map(|(handle, at_ms, state)| F::State {
            handle,
            at_ms,
            state
        }),
        any::<(u32, u32)>().prop_map(|(handle, entries)| F::Tracing { handle, entries }),
        any::<(u64, Vec<u32>)>().prop_map(|(at_ms, handles)| F::Reset { at_ms, handles }),
        any::<u32>().prop_map(|handle| F::Forget { handle }),
    ]
}

prop_compose! {
    fn any_unit()(
        start_line in 0..u32::MAX / 2, lines in 0..u32::MAX / 2,
        columns in any::<(u32, u32)>(), statements in any::<u32>(),
    ) -> TableUnit {
        let span = Span::new(start_line, columns.0, start_line + lines, columns.1);
        TableUnit { span, statements }
    }
}

fn any_table() -> impl Strategy<Value = Table> {
    let files = vec((text(), any::<[u8; 16]>()), 1..4);
    let functions =
        vec((text(), any::<(prop::sample::Index, bool)>(), vec(any_unit(), 0..6)), 0..6);
    let mode = prop_oneof![Just(Mode::Set), Just(Mode::Count), Just(Mode::Atomic)];
    let origin = prop_oneof![Just(Origin::Main), Just(Origin::Dependency), Just(Origin::Std)];
    let traced = vec(any::<bool>(), 36);
    ((text(), text(), text()), mode, origin, files, functions, traced).prop_map(
        |((package, name, module), mode, origin, files, functions, traced)| {
            let mut table = Table { package, name, module, mode, origin, ..Table::default() };
            table.files = files
                .into_iter()
                .map(|(path, source)| TableFile { path, source: SourceId(source) })
                .collect();
            for (name, (file, literal), units) in functions {
                let file = u32::try_from(file.index(table.files.len())).expect("there are few");
                table.functions.push(TableFunction { name, file, literal, units });
            }
            let n_units = u32::try_from(table.n_units()).expect("there are few");
            table.entries = (0..n_units).filter(|&unit| traced[unit as usize]).collect();
            table
        },
    )
}

/// A few bytes of it changed, dropped or added.
fn damaged(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec(any::<(prop::sample::Index, u8, u8)>(), 1..6);
    (bytes, edits).prop_map(|(mut bytes, edits)| {
        for (place, kind, value) in edits {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match kind % 5 {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, value),
                2 => drop(bytes.remove(place)),
                3 => bytes[place] ^= 1 << (value % 8),
                _ => bytes[place] = value,
            }
        }
        bytes
    })
}

/// Whatever is read can be written and read again.
fn survives<F: Frame + Debug + PartialEq>(bytes: &[u8]) {
    if let Ok(frames) = F::decode(bytes) {
        for frame in frames {
            assert_eq!(F::decode(&message(&frame)), Ok(vec![frame]));
        }
    }
}

proptest! {
    #[test]
    fn frames_from_agents_read_back(frames in vec(from_agent(), 0..4)) {
        let bytes: Vec<u8> = frames.iter().flat_map(message).collect();
        prop_assert_eq!(AgentToRelay::decode(&bytes), Ok(frames));
    }

    #[test]
    fn frames_to_agents_read_back(frames in vec(to_agent(), 0..4)) {
        let bytes: Vec<u8> = frames.iter().flat_map(message).collect();
        prop_assert_eq!(RelayToAgent::decode(&bytes), Ok(frames));
    }

    #[test]
    fn frames_to_viewers_read_back(frames in vec(to_viewer(), 0..4)) {
        let bytes: Vec<u8> = frames.iter().flat_map(message).collect();
        prop_assert_eq!(RelayToViewer::decode(&bytes), Ok(frames));
    }

    #[test]
    fn damaged_frames_are_refused_or_read(
        agent in damaged(from_agent().prop_map(|frame| message(&frame))),
        relay in damaged(to_agent().prop_map(|frame| message(&frame))),
        viewer in damaged(to_viewer().prop_map(|frame| message(&frame))),
        noise in vec(any::<u8>(), 0..200),
    ) {
        survives::<AgentToRelay>(&agent);
        survives::<RelayToAgent>(&relay);
        survives::<RelayToViewer>(&viewer);
        survives::<AgentToRelay>(&noise);
        survives::<RelayToAgent>(&noise);
        survives::<RelayToViewer>(&noise);
    }

    #[test]
    fn tables_read_back(table in any_table()) {
        let bytes = table.encode();
        let read = Table::decode(&bytes);
        prop_assert_eq!(read.as_ref(), Ok(&table));
        let mut builder = ShapeBuilder::default();
        table.add_to(&mut builder);
        table.add_to(&mut builder);
        prop_assert_eq!(builder.build().n_units(), 2 * table.n_units());
        prop_assert_eq!(table.shape().files().len(), table.files.len());
    }

    #[test]
    fn damaged_tables_are_refused_or_read(bytes in damaged(any_table().prop_map(|table| table.encode()))) {
        if let Ok(table) = Table::decode(&bytes) {
            let again = Table::decode(&table.encode());
            prop_assert_eq!(again.as_ref(), Ok(&table));
            prop_assert_eq!(table.shape().n_units(), table.n_units());
        }
    }

    #[test]
    fn ids_read_back_from_hex(bytes in any::<[u8; 16]>()) {
        prop_assert_eq!(TableId::from_hex(&TableId(bytes).hex()), Some(TableId(bytes)));
        prop_assert_eq!(SourceId::from_hex(&hex(&bytes)), Some(SourceId(bytes)));
    }
}

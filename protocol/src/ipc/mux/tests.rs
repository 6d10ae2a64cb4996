//! Two tables wired together by hand: order, credit, fairness and exactly one terminal item.

use super::*;
use crate::ipc::frame::{self, Frame, FrameType, flag};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use std::collections::HashMap;
use std::task::{Context, Poll, Waker};

struct Pair {
    router: Mux,
    worker: Mux,
}

impl Pair {
    fn new(max_streams: u32) -> Self {
        Self {
            router: Mux::new(Side::Opener, max_streams),
            worker: Mux::new(Side::Acceptor { max_streams }, 0),
        }
    }

    /// Moves one batch each way; returns the bytes that crossed.
    fn pump(&mut self) -> usize {
        carry(&mut self.router, &mut self.worker) + carry(&mut self.worker, &mut self.router)
    }

    fn settle(&mut self) {
        while self.pump() > 0 {}
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn carry(from: &mut Mux, to: &mut Mux) -> usize {
    let mut batch = Batch::default();
    from.fill(&mut batch, &mut cx(), &mut Vec::new());
    let mut wire = BytesMut::new();
    while !batch.is_empty() {
        let n = {
            let slices = batch.slices();
            slices.iter().for_each(|s| wire.extend_from_slice(s));
            slices.iter().map(|s| s.len()).sum()
        };
        batch.advance(n);
    }
    let crossed = wire.len();
    while let Some(frame) = frame::decode(&mut wire).unwrap() {
        to.on_frame(frame, &mut Vec::new()).unwrap();
    }
    assert!(wire.is_empty());
    crossed
}

/// Whether the stream took the bytes.
fn send(mux: &mut Mux, id: u32, mut bytes: Bytes, flags: u8) -> bool {
    matches!(mux.poll_send(id, &mut cx(), &mut bytes, flags), Poll::Ready(Ok(_)))
}

fn receive(mux: &mut Mux, id: u32) -> Option<Item> {
    match mux.poll_receive(id, &mut cx()).0 {
        Poll::Ready(item) => Some(item),
        Poll::Pending => None,
    }
}

fn accept(mux: &mut Mux) -> Option<(u32, Bytes)> {
    match mux.poll_accept(&mut cx()) {
        Poll::Ready(next) => next,
        Poll::Pending => None,
    }
}

fn chunk(len: usize) -> Bytes {
    Bytes::from((0..len).map(|i| (i % 251) as u8).collect::<Vec<_>>())
}

#[test]
fn a_probe_waits_behind_what_waits_to_be_sent_and_a_ping_does_not() {
    let mut pair = Pair::new(100);
    for _ in 0..60 {
        pair.router.open(Bytes::from_static(b"h"), vec![Bytes::from(vec![0; 16 * 1024])]).unwrap();
    }
    pair.router.probe();
    pair.router.probe();
    pair.router.ping();
    pair.router.set_stalled(true);
    pair.pump();
    assert!(!pair.router.is_stalled(), "the ping is answered");
    assert!(pair.router.is_probed(), "the streams are not all sent yet");
    pair.settle();
    assert!(!pair.router.is_probed());
    pair.router.probe();
    assert!(pair.router.is_probed());
    pair.pump();
    assert!(!pair.router.is_probed(), "nothing is before it");
}

#[test]
fn a_body_arrives_whole_and_in_order() {
    for len in [0, 1, 16 * 1024, 16 * 1024 + 1, 300_000] {
        let mut pair = Pair::new(4);
        let body = chunk(len);
        let (id, _) = pair.router.open(Bytes::from_static(b"head"), vec![body.clone()]).unwrap();
        let mut got = BytesMut::new();
        let mut done = false;
        while !done {
            assert!(pair.pump() > 0 || got.len() == len, "stuck at {} of {len}", got.len());
            while let Some(item) = receive(&mut pair.worker, id) {
                match item {
                    Item::Data { bytes, .. } => got.extend_from_slice(&bytes),
                    Item::BodyEnd => done = true,
                    other => panic!("{other:?}"),
                }
                if done {
                    break;
                }
            }
        }
        assert_eq!(accept(&mut pair.worker), Some((id, Bytes::from_static(b"head"))));
        assert_eq!(got, body);
    }
}

#[test]
fn a_slow_reader_stops_only_its_own_stream() {
    let mut pair = Pair::new(4);
    let (slow, _) = pair.router.open(Bytes::new(), vec![chunk(1 << 20)]).unwrap();
    let (quick, _) = pair.router.open(Bytes::new(), vec![chunk(1 << 20)]).unwrap();
    let mut got = 0;
    loop {
        pair.pump();
        match receive(&mut pair.worker, quick) {
            Some(Item::Data { bytes, .. }) => got += bytes.len(),
            Some(Item::BodyEnd) => break,
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
    assert_eq!(got, 1 << 20);
    let mut held = 0;
    while let Some(Item::Data { bytes, .. }) = receive(&mut pair.worker, slow) {
        held += bytes.len();
    }
    assert_eq!(held, WINDOW as usize, "the slow stream holds exactly its window");
}

#[test]
fn a_refused_stream_is_told_so_and_others_live() {
    let mut pair = Pair::new(8);
    pair.worker = Mux::new(Side::Acceptor { max_streams: 1 }, 0);
    let (first, _) = pair.router.open(Bytes::new(), vec![]).unwrap();
    let (second, _) = pair.router.open(Bytes::new(), vec![]).unwrap();
    pair.settle();
    assert!(matches!(receive(&mut pair.router, second), Some(Item::Reset { .. })));
    assert_eq!(receive(&mut pair.router, first), None);
    pair.worker.refuse_new(true);
    let (third, _) = pair.router.open(Bytes::new(), vec![]).unwrap();
    pair.settle();
    assert!(matches!(receive(&mut pair.router, third), Some(Item::Reset { .. })));
}

#[test]
fn a_reset_before_the_open_was_written_sends_nothing() {
    let mut pair = Pair::new(4);
    let (id, _) = pair.router.open(Bytes::new(), vec![chunk(10)]).unwrap();
    pair.router.reset(id, Bytes::new());
    pair.router.release(id);
    assert_eq!(pair.pump(), 0);
    assert!(pair.router.is_empty());
}

#[test]
fn cancelling_reaches_the_worker_and_empties_both_tables() {
    let mut pair = Pair::new(4);
    let (id, _) = pair.router.open(Bytes::new(), vec![chunk(1 << 20)]).unwrap();
    pair.pump();
    pair.worker.send_frame(id, FrameType::Head, Bytes::new(), Bytes::new());
    assert!(send(&mut pair.worker, id, chunk(200_000), 0));
    pair.router.reset(id, Bytes::new());
    pair.router.release(id);
    pair.settle();
    assert!(pair.worker.is_over(id));
    pair.worker.release(id);
    pair.worker.release(id);
    pair.settle();
    assert!(pair.router.is_empty() && pair.worker.is_empty());
}

#[test]
fn only_uncommitted_streams_are_abandoned() {
    let mut pair = Pair::new(4);
    let (waiting, _) = pair.router.open(Bytes::new(), vec![]).unwrap();
    let (flowing, _) = pair.router.open(Bytes::new(), vec![]).unwrap();
    pair.settle();
    assert!(send(&mut pair.worker, flowing, chunk(3), flag::COMMIT));
    pair.settle();
    pair.router.abandon_uncommitted(&Bytes::new(), &mut Vec::new());
    assert_eq!(receive(&mut pair.router, waiting), Some(Item::Lost));
    assert!(matches!(receive(&mut pair.router, flowing), Some(Item::Data { commit: true, .. })));
    assert_eq!(receive(&mut pair.router, flowing), None);
}

#[test]
fn what_is_not_in_an_answer_is_told_beside_its_bytes_and_once() {
    let mut pair = Pair::new(8);
    let (id, _) = pair.router.open(Bytes::new(), vec![]).unwrap();
    pair.pump();
    let told = Bytes::from_static(b"told");
    // The window is full: what has no bytes needs no credit, but keeps its place behind them.
    assert!(send(&mut pair.worker, id, chunk(WINDOW as usize), 0));
    pair.worker.send_frame(id, FrameType::Data, told.clone(), Bytes::new());
    pair.worker.send_frame(id, FrameType::End, Bytes::new(), Bytes::new());
    pair.settle();
    let mut bytes = 0;
    let item = loop {
        match receive(&mut pair.router, id) {
            Some(Item::Data { bytes: some, .. }) => bytes += some.len(),
            other => break other,
        }
    };
    assert_eq!((bytes, item), (WINDOW as usize, Some(Item::Omitted { header: told.clone() })));
    assert!(matches!(receive(&mut pair.router, id), Some(Item::End { .. })));

    let (id, _) = pair.router.open(Bytes::new(), vec![]).unwrap();
    let mut feed = |header| {
        let frame = Frame { header, ..Frame::bare(FrameType::Data, id) };
        pair.router.on_frame(frame, &mut Vec::new())
    };
    feed(told.clone()).unwrap();
    assert_eq!(feed(told), Err(Violation::Unexpected(FrameType::Data, id)));
}

#[test]
fn a_peer_that_breaks_the_rules_is_found_out() {
    let open = |stream| Frame { flags: flag::END, ..Frame::bare(FrameType::Open, stream) };
    let mut worker = Mux::new(Side::Acceptor { max_streams: 8 }, 0);
    let mut feed = |frame| worker.on_frame(frame, &mut Vec::new());
    feed(open(1)).unwrap();
    assert_eq!(feed(open(1)), Err(Violation::Reopened(1)));
    assert_eq!(feed(Frame::bare(FrameType::Data, 9)), Err(Violation::Unexpected(FrameType::Data, 9)));
    assert_eq!(feed(Frame::bare(FrameType::Head, 1)), Err(Violation::Unexpected(FrameType::Head, 1)));
    let mut flood = Ok(());
    for _ in 0..6 {
        flood = feed(Frame { body: chunk(16 * 1024), ..Frame::bare(FrameType::Data, 1) });
    }
    assert_eq!(flood, Err(Violation::OverCredit(1)));
    let credit = Frame { body: Bytes::from_static(&[255; 4]), ..Frame::bare(FrameType::Credit, 1) };
    assert_eq!(feed(credit), Err(Violation::AbsurdCredit(1)));
}

#[derive(Clone, Debug)]
enum Op {
    Open(usize),
    Send(usize, usize),
    End(usize),
    Cancel(usize),
    Read(usize),
    Pump,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0usize..100_000).prop_map(Op::Open),
        (0usize..8, 0usize..50_000).prop_map(|(s, n)| Op::Send(s, n)),
        (0usize..8).prop_map(Op::End),
        (0usize..8).prop_map(Op::Cancel),
        (0usize..8).prop_map(Op::Read),
        Just(Op::Pump),
    ];
    proptest::collection::vec(op, 1..120)
}

/// What one router-side handle has seen.
#[derive(Default)]
struct Seen {
    bytes: usize,
    sent: usize,
    ended: bool,
    cancelled: bool,
    terminals: usize,
}

fn drain(mux: &mut Mux, id: u32, seen: &mut Seen) {
    while seen.terminals == 0 && !seen.cancelled {
        match receive(mux, id) {
            None => return,
            Some(Item::Data { bytes, .. }) => seen.bytes += bytes.len(),
            Some(Item::Head { .. } | Item::Omitted { .. } | Item::BodyEnd) => {}
            Some(Item::End { .. } | Item::Reset { .. } | Item::Lost) => seen.terminals += 1,
        }
    }
}

proptest! {
    /// Whatever is done in whatever order: no violation, all bytes of an ended reply arrive, one terminal
    /// item per handle, and both tables are empty when every handle is gone.
    #[test]
    fn any_conversation_is_orderly(ops in ops()) {
        let mut pair = Pair::new(64);
        let mut ids: Vec<u32> = Vec::new();
        let mut seen: HashMap<u32, Seen> = HashMap::new();
        for op in ops {
            match op {
                Op::Open(n) => {
                    let (id, _) = pair.router.open(Bytes::new(), vec![chunk(n)]).unwrap();
                    ids.push(id);
                    seen.insert(id, Seen::default());
                }
                Op::Send(s, n) => if let Some(&id) = ids.get(s) {
                    let row = seen.get_mut(&id).unwrap();
                    if !row.ended && !pair.worker.is_over(id) && send(&mut pair.worker, id, chunk(n), 0) {
                        row.sent += n;
                    }
                },
                Op::End(s) => if let Some(&id) = ids.get(s)
                    && !pair.worker.is_over(id)
                {
                    pair.worker.send_frame(id, FrameType::End, Bytes::new(), Bytes::new());
                    seen.get_mut(&id).unwrap().ended = true;
                },
                Op::Cancel(s) => if let Some(&id) = ids.get(s) {
                    pair.router.reset(id, Bytes::new());
                    seen.get_mut(&id).unwrap().cancelled = true;
                },
                Op::Read(s) => if let Some(&id) = ids.get(s) {
                    drain(&mut pair.router, id, seen.get_mut(&id).unwrap());
                    while receive(&mut pair.worker, id).is_some_and(|i| matches!(i, Item::Data { .. })) {}
                },
                Op::Pump => { pair.pump(); }
            }
        }
        for _ in 0..64 {
            pair.settle();
            for &id in &ids {
                drain(&mut pair.router, id, seen.get_mut(&id).unwrap());
            }
        }
        for (id, row) in &seen {
            if row.ended && !row.cancelled {
                prop_assert_eq!(row.terminals, 1, "stream {}", id);
                prop_assert_eq!(row.bytes, row.sent, "stream {}", id);
            }
            if row.terminals == 0 {
                pair.router.reset(*id, Bytes::new());
            }
            pair.router.release(*id);
        }
        pair.settle();
        while let Some((id, _)) = accept(&mut pair.worker) {
            pair.worker.release(id);
            pair.worker.release(id);
        }
        pair.settle();
        prop_assert!(pair.router.is_empty(), "{} rows left", pair.router.len());
        prop_assert!(pair.worker.is_empty(), "{} rows left at the worker", pair.worker.len());
    }

    /// Any bytes are either frames or an error, never a panic, and a valid frame survives any split.
    #[test]
    fn bytes_are_frames_or_errors(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut buf = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = frame::decode(&mut buf) {}
        let original = Frame { kind: FrameType::Data, flags: 1, stream: 7, header: Bytes::new(), body: bytes.into() };
        let mut wire = BytesMut::new();
        original.write(&mut wire);
        let mut fed = BytesMut::new();
        let mut got = None;
        for byte in wire {
            prop_assert!(got.is_none());
            fed.extend_from_slice(&[byte]);
            got = frame::decode(&mut fed).unwrap();
        }
        prop_assert_eq!(got, Some(original));
    }
}

//! Between our own processes: a peer that has gone mad must not take this one with it.

use bytes::{Bytes, BytesMut};
use protocol::ipc::call::{CallHead, DataHello, DataHelloAck, Omitted, ReplyHead, Reset, Trailer};
use protocol::ipc::codec;
use protocol::ipc::control::{FromChild, ToChild};
use protocol::ipc::frame::{self, Frame, FrameType};
use protocol::ipc::mux::{Batch, Item, Mux, Side};
use std::task::{Context, Poll, Waker};

/// One stream's window, twice what a granted one may reach, and its three headers.
const HELD: usize = 4 * 64 * 1024 + 3 * codec::MAX_HEADER;
const STREAMS: u32 = 8;

pub(crate) fn any(bytes: &[u8]) {
    header(bytes);
    let Ok(frames) = read(&[bytes]) else { return };
    let middle = bytes.len() / 2;
    assert_eq!(read(&[&bytes[..middle], &bytes[middle..]]).ok().as_ref(), Some(&frames), "a split matters");
    let mut again = BytesMut::new();
    frames.iter().for_each(|frame| frame.write(&mut again));
    assert!(bytes.starts_with(&again), "a frame is not written as it was read");
    frames.iter().for_each(|frame| header(&frame.header));
    converse(Mux::new(Side::Acceptor { max_streams: STREAMS }, 0), &frames);
    let mut opener = Mux::new(Side::Opener, STREAMS);
    for _ in 0..3 {
        let _ = opener.open(Bytes::new(), vec![Bytes::from_static(b"asked")]);
    }
    converse(opener, &frames);
}

fn read(pieces: &[&[u8]]) -> Result<Vec<Frame>, frame::FrameError> {
    let (mut buffer, mut out) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(frame) = frame::decode(&mut buffer)? {
            out.push(frame);
        }
    }
    Ok(out)
}

/// A header of any type: a value or an error, and a value is written as it was read.
fn header(bytes: &[u8]) {
    fn one<T: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) {
        if let Ok(value) = codec::decode::<T>(bytes) {
            let again = codec::encode(&value).unwrap_or_default();
            assert!(codec::decode::<T>(&again).is_ok(), "what was read cannot be read again");
        }
    }
    one::<CallHead>(bytes);
    one::<ReplyHead>(bytes);
    one::<Trailer>(bytes);
    one::<Omitted>(bytes);
    one::<Reset>(bytes);
    one::<DataHello>(bytes);
    one::<DataHelloAck>(bytes);
    one::<ToChild>(bytes);
    one::<FromChild>(bytes);
}

/// The table takes the frames in turn: what waits in it stays bounded, and every stream ends once.
fn converse(mut mux: Mux, frames: &[Frame]) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut wakes = Vec::new();
    for (turn, frame) in frames.iter().enumerate() {
        if mux.on_frame(frame.clone(), &mut wakes).is_err() {
            break;
        }
        assert!(mux.len() <= STREAMS as usize, "more streams than were allowed");
        while let Poll::Ready(Some((id, _))) = mux.poll_accept(&mut cx) {
            mux.send_frame(id, FrameType::Head, Bytes::new(), Bytes::from_static(b"answer"));
        }
        if turn % 32 == 31 {
            drain(&mut mux, &mut cx);
        }
        mux.fill(&mut Batch::default(), &mut cx, &mut wakes);
    }
    drain(&mut mux, &mut cx);
    mux.close(&mut wakes);
    drain(&mut mux, &mut cx);
    assert!(mux.is_closed());
}

fn drain(mux: &mut Mux, cx: &mut Context<'_>) {
    for id in 1..=STREAMS {
        let (mut held, mut ends) = (0, 0);
        while let (Poll::Ready(item), _) = mux.poll_receive(id, cx) {
            held += match item {
                Item::Head { header } | Item::Omitted { header } => header.len(),
                Item::End { header } => {
                    ends += 1;
                    header.len()
                }
                Item::Reset { header, body } => {
                    ends += 1;
                    header.len() + body.len()
                }
                Item::Data { bytes, .. } => bytes.len(),
                Item::BodyEnd => 0,
                Item::Lost => break,
            };
            assert!(ends <= 1, "a stream ended twice");
            assert!(held <= HELD, "the window bounds nothing");
        }
    }
}

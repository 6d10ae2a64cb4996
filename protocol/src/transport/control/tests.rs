use super::*;
use crate::ipc::control::Pulse;
use crate::ipc::frame::Frame;
use bytes::{Bytes, BytesMut};
use std::time::Duration;

fn pair() -> (SupervisorEnd, ChildEnd) {
    let (a, b) = StdStream::pair().unwrap();
    (supervisor_end(a).unwrap(), child_end(b).unwrap())
}

#[tokio::test]
async fn messages_and_bodies_arrive_in_order() {
    let ((mut to_child, mut from_child), (mut to_supervisor, mut from_supervisor)) = pair();
    to_child.send(&ToChild::Configure { epoch: 7 }, b"{}").await.unwrap();
    to_child.send(&ToChild::Secret, b"sk-canary").await.unwrap();
    let pulse = FromChild::Pong(Pulse { seq: 3, ..Pulse::default() });
    to_supervisor.send(&pulse, &[]).await.unwrap();

    let first = from_supervisor.receive().await.unwrap().unwrap();
    assert_eq!((first.message, first.body.as_slice()), (ToChild::Configure { epoch: 7 }, &b"{}"[..]));
    let second = from_supervisor.receive().await.unwrap().unwrap();
    assert_eq!((second.message, second.body.as_slice()), (ToChild::Secret, &b"sk-canary"[..]));
    assert_eq!(from_child.receive().await.unwrap().unwrap().message, pulse);
}

#[tokio::test]
async fn bodies_of_every_size_class_survive_the_split() {
    for len in [0, 1, MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, 5 * MAX_BODY, MAX_MESSAGE] {
        let ((mut to_child, _), (_, mut from_supervisor)) = pair();
        let body: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let message = ToChild::Configure { epoch: len as u64 };
        let (sent, received) = tokio::join!(to_child.send(&message, &body), from_supervisor.receive());
        sent.unwrap();
        let received = received.unwrap().unwrap();
        assert_eq!(received.message, message);
        assert!(received.body.as_slice() == body, "body of {len} bytes differs");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_anything_is_sent() {
    let ((mut to_child, _), (_, mut from_supervisor)) = pair();
    let body = vec![0; MAX_MESSAGE + 1];
    let error = to_child.send(&ToChild::Secret, &body).await.unwrap_err();
    assert!(matches!(error, ControlError::TooLong));
    to_child.send(&ToChild::Ping { seq: 1 }, &[]).await.unwrap();
    assert_eq!(from_supervisor.receive().await.unwrap().unwrap().message, ToChild::Ping { seq: 1 });
}

#[tokio::test]
async fn a_dropped_receive_loses_nothing() {
    let (a, b) = StdStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    let mut raw = UnixStream::from_std(a).unwrap();
    let (_, mut receiver) = child_end(b).unwrap();
    let mut wire = BytesMut::new();
    let header = codec::encode(&ToChild::Configure { epoch: 9 }).unwrap();
    for (flags, header, body) in [(flag::MORE, header, "ab"), (0, Vec::new(), "cd")] {
        let frame = Frame {
            kind: FrameType::Control,
            flags,
            stream: 0,
            header: Bytes::from(header),
            body: Bytes::from(body),
        };
        frame.write(&mut wire);
    }
    let last = wire.split_off(wire.len() - 1);
    for byte in wire {
        raw.write_all(&[byte]).await.unwrap();
        let cut = tokio::time::timeout(Duration::from_micros(200), receiver.receive()).await;
        assert!(cut.is_err(), "a message before its last byte");
    }
    raw.write_all(&last).await.unwrap();
    let received = receiver.receive().await.unwrap().unwrap();
    assert_eq!((received.message, received.body.as_slice()), (ToChild::Configure { epoch: 9 }, &b"abcd"[..]));
}

#[tokio::test]
async fn end_of_file_is_a_value_also_inside_a_message() {
    let ((to_child, from_child), (_, mut from_supervisor)) = pair();
    drop((to_child, from_child));
    assert!(from_supervisor.receive().await.unwrap().is_none());

    let (a, b) = StdStream::pair().unwrap();
    io::Write::write_all(&mut &a, &Frame::bare(FrameType::Control, 0).head()[..9]).unwrap();
    drop(a);
    assert!(child_end(b).unwrap().1.receive().await.unwrap().is_none());
}

#[tokio::test]
async fn garbage_is_an_error_not_a_hang() {
    let interleaved = {
        let mut wire = BytesMut::new();
        for _ in 0..2 {
            let header = Bytes::from(codec::encode(&ToChild::Secret).unwrap());
            let frame =
                Frame { kind: FrameType::Control, flags: flag::MORE, stream: 0, header, body: Bytes::new() };
            frame.write(&mut wire);
        }
        wire.to_vec()
    };
    let not_control = Frame::bare(FrameType::Ping, 0).head().to_vec();
    let no_header = Frame::bare(FrameType::Control, 0).head().to_vec();
    for wire in [vec![0; HEAD], not_control, no_header, interleaved] {
        let (a, b) = StdStream::pair().unwrap();
        io::Write::write_all(&mut &a, &wire).unwrap();
        let (_, mut receiver) = child_end(b).unwrap();
        let result = tokio::time::timeout(Duration::from_secs(5), receiver.receive()).await.unwrap();
        assert!(result.is_err(), "{wire:?}");
    }
}

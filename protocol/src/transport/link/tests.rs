//! Both ends of a data connection over a real socket.

use super::*;
use crate::dialect::{Dialect, Operation};
use crate::ipc::call::*;
use crate::ipc::{PROTOCOL_MAX, PROTOCOL_MIN};
use crate::model::Usage;
use crate::transport::local::LocalListener;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

struct Rig {
    tasks: JoinSet<()>,
    opener: Opener,
    incoming: Incoming,
    /// The worker's.
    traffic: Arc<Traffic>,
}

fn expect() -> Expect {
    Expect { generation: 3, token: vec![7; 32], max_streams: 100, traffic: Arc::default() }
}

fn hello() -> DataHello {
    DataHello {
        protocol_min: PROTOCOL_MIN,
        protocol_max: PROTOCOL_MAX,
        build: "test".into(),
        generation: 3,
        token: vec![7; 32],
    }
}

fn listen(name: &str) -> (LocalListener, PathBuf) {
    let path = std::env::temp_dir().join(format!("ll-link-{}-{name}.sock", std::process::id()));
    (LocalListener::bind(&path).unwrap(), path)
}

async fn accept(listener: &LocalListener, expect: &Expect) -> Result<(Incoming, Driver), LinkError> {
    welcome(listener.acceptor().unwrap().accept().await.unwrap().0, expect).await
}

async fn rig(name: &str) -> Rig {
    let (listener, path) = listen(name);
    let greeting = hello();
    let expected = expect();
    let (connected, accepted) = tokio::join!(connect(&path, &greeting), accept(&listener, &expected));
    let (opener, router_driver) = connected.unwrap();
    let (incoming, worker_driver) = accepted.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(router_driver.await) });
    tasks.spawn(async move { drop(worker_driver.await) });
    Rig { tasks, opener, incoming, traffic: expected.traffic }
}

fn head(body_len: u64) -> CallHead {
    CallHead {
        call_id: "c1".into(),
        attempt: 1,
        dialect: Dialect::OpenAiChat,
        operation: Operation::Chat,
        method: "POST".into(),
        path: String::new(),
        headers: vec![("content-type".into(), "application/json".into())],
        model: "m".into(),
        model_span: None,
        stream: true,
        wants_usage: false,
        usage_edit: None,
        strict: false,
        body_len,
        deadline_ms: None,
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), what).await.expect("in time")
}

#[tokio::test]
async fn a_call_and_its_answer_cross() {
    let mut rig = rig("cross").await;
    let body = Bytes::from(vec![b'x'; 3 << 20]);
    let mut stream = rig.opener.open(&head(body.len() as u64), vec![body.clone()]).unwrap();
    let mut call = soon(rig.incoming.next()).await.unwrap();
    assert_eq!(call.head, head(body.len() as u64));
    let mut got = 0;
    while let Some(chunk) = soon(call.body.next()).await {
        got += chunk.unwrap().len();
    }
    assert_eq!(got, body.len());
    let asked = rig.traffic.moved();
    assert!(asked.bytes > body.len() as u64 && asked.frames > 3, "{asked:?}");
    let reply = ReplyHead { status: 200, headers: vec![], stream: true, losses: vec![] };
    call.reply.head(&reply);
    call.reply.data(Bytes::from_static(b"hi"), Commit::Committed).await.unwrap();
    let trailer = Trailer { usage: Usage { output: Some(2), ..Usage::default() }, ..Trailer::default() };
    call.reply.end(&trailer);
    assert_eq!(soon(stream.next()).await, Answer::Head(reply));
    let data = Answer::Data { bytes: Bytes::from_static(b"hi"), committed: true };
    assert_eq!(soon(stream.next()).await, data);
    assert_eq!(soon(stream.next()).await, Answer::End(trailer));
    let answered = rig.traffic.moved();
    assert!(answered.frames >= asked.frames + 3, "head, data and end: {asked:?} {answered:?}");
}

#[tokio::test]
async fn dropping_a_call_cancels_it_and_dropping_a_reply_resets_it() {
    let mut rig = rig("cancel").await;
    let stream = rig.opener.open(&head(0), vec![]).unwrap();
    let call = soon(rig.incoming.next()).await.unwrap();
    drop(stream);
    soon(call.reply.cancellation().cancelled()).await;
    drop(call);
    let mut stream = rig.opener.open(&head(0), vec![]).unwrap();
    drop(soon(rig.incoming.next()).await.unwrap());
    match soon(stream.next()).await {
        Answer::Reset(reset, _) => assert_eq!(reset.code, ResetCode::Protocol),
        other => panic!("{other:?}"),
    }
    drop(stream);
    assert_eq!(rig.opener.in_flight(), 0);
}

#[tokio::test]
async fn the_death_of_the_worker_is_seen_by_every_call() {
    let mut rig = rig("death").await;
    let mut streams: Vec<_> = (0..20).map(|_| rig.opener.open(&head(0), vec![]).unwrap()).collect();
    soon(rig.incoming.next()).await.unwrap();
    rig.tasks.abort_all();
    for stream in &mut streams {
        assert_eq!(soon(stream.next()).await, Answer::Lost);
    }
    assert!(rig.opener.is_closed());
}

#[tokio::test]
async fn a_stranger_is_not_welcomed() {
    let (listener, path) = listen("stranger");
    let cases: [(&str, DataHello); 3] = [
        ("wrong token", DataHello { token: vec![8; 32], ..hello() }),
        ("generation", DataHello { generation: 4, ..hello() }),
        ("protocol version", DataHello { protocol_min: 90, protocol_max: 91, ..hello() }),
    ];
    for (what, bad) in cases {
        let expected = expect();
        let (connected, accepted) = tokio::join!(connect(&path, &bad), accept(&listener, &expected));
        assert!(connected.is_err(), "{what}");
        let error = accepted.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(what), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_answers_nothing_loses_its_waiting_calls() {
    let (listener, path) = listen("stalled");
    let greeting = hello();
    let expected = expect();
    let (connected, accepted) = tokio::join!(connect(&path, &greeting), accept(&listener, &expected));
    let (opener, driver) = connected.unwrap();
    // The worker's driver is never polled, as if the process were stopped.
    let _stopped = accepted.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(driver.await) });
    let mut stream = opener.open(&head(0), vec![]).unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(stream.next().await, Answer::Lost);
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1) && took <= Duration::from_secs(3), "{took:?}");
    assert!(opener.is_stalled() && !opener.is_closed());
}

//! Plain HTTP/1.1: reuse, and what each way of breaking means.

use crate::server::{OK, TIMEOUTS, answer_all, client, post, request, serve, start, upstream};
use http_body_util::BodyExt;
use protocol::ipc::configure::{Proxy, Timeouts};
use protocol::model::{FailureKind, Retry};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use worker::upstream::{Client, Established};

#[tokio::test]
async fn calls_share_a_connection_one_after_the_other() {
    let (address, connections) = serve(|_, mut stream| answer_all(&mut stream));
    let client = client(&format!("http://{address}/v1"));
    let mut established = Vec::new();
    for _ in 0..5 {
        let response = client.send(post(&format!("http://{address}/v1/x"))).await.unwrap();
        established.push(*response.extensions().get::<Established>().unwrap());
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        // The connection goes back to the pool in a task of its own.
        tokio::task::yield_now().await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert!(established.iter().all(|e| *e == established[0]));
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_unseen() {
    let (closed, mut is_closed) = tokio::sync::mpsc::channel(1);
    let (address, connections) = serve(move |number, mut stream| {
        if number == 1 {
            request(&mut stream);
            stream.write_all(OK).unwrap();
            drop(stream);
            closed.blocking_send(()).unwrap();
        } else {
            answer_all(&mut stream);
        }
    });
    let client = client(&format!("http://{address}"));
    let uri = format!("http://{address}/x");
    client.send(post(&uri)).await.unwrap().into_body().collect().await.unwrap();
    // Waits in the runtime, which must hear of the close before the next request is written: what is written to a
    // connection that is closed already, but not known to be, may have been read.
    tokio::time::timeout(Duration::from_secs(5), is_closed.recv()).await.unwrap().unwrap();
    let second = client.send(post(&uri)).await.unwrap();
    assert_eq!(second.into_body().collect().await.unwrap().to_bytes(), "ok");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_request_that_was_read_is_not_sent_twice() {
    let (address, connections) = serve(|_, mut stream| {
        request(&mut stream);
    });
    let failure = client(&format!("http://{address}")).send(post(&format!("http://{address}/x"))).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    assert!(failure.message.starts_with(&format!("the connection to {address} broke before an answer")));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = client(&format!("http://{address}")).send(post(&format!("http://{address}/x"))).await;
    let failure = failure.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Unreachable, Retry::Anywhere));
    assert_eq!(failure.message, format!("cannot connect to {address}: connection refused"));
}

#[tokio::test]
async fn a_name_without_an_address_is_unreachable() {
    let base = "http://no-such-host.invalid/v1";
    let failure = client(base).send(post(base)).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Unreachable, Retry::Elsewhere));
    assert!(failure.message.starts_with("the name no-such-host.invalid cannot be resolved"), "{failure:?}");
}

#[tokio::test]
async fn a_peer_that_never_shakes_hands_runs_into_the_connect_limit() {
    let (release, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let (address, _) = serve(move |_, stream| {
        let _ = held.lock().unwrap().recv();
        drop(stream);
    });
    let base = format!("https://{address}/v1");
    let quick = Timeouts { connect_ms: 150, ..TIMEOUTS };
    let client = Client::new(&upstream(&base, Proxy::Direct), &quick, 1).unwrap();
    let started = Instant::now();
    let failure = client.send(post(&base)).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Unreachable, Retry::Elsewhere));
    assert_eq!(failure.message, format!("{address}: connecting took longer than 150 ms"));
    assert!(started.elapsed() < Duration::from_secs(2));
    drop(release);
}

#[tokio::test]
async fn bytes_that_are_not_http_are_a_bad_answer() {
    let (address, _) = serve(|_, mut stream| {
        request(&mut stream);
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").unwrap();
    });
    let failure = client(&format!("http://{address}")).send(post(&format!("http://{address}/x"))).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    assert_eq!(failure.message, format!("{address} answered with something that is not HTTP"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_interrupted() {
    for partial in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"[..],
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"[..],
    ] {
        let (address, _) = serve(move |_, mut stream| {
            request(&mut stream);
            stream.write_all(partial).unwrap();
        });
        let client = client(&format!("http://{address}"));
        let mut body = client.send(post(&format!("http://{address}/x"))).await.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        let failure = body.frame().await.unwrap().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Interrupted);
        assert!(failure.message.starts_with(&format!("the answer of {address} broke off")), "{failure:?}");
    }
}

#[tokio::test]
async fn a_request_body_that_breaks_off_is_cancelled() {
    let (address, _) = serve(|_, mut stream| {
        let mut sink = Vec::new();
        let _ = stream.read_to_end(&mut sink);
    });
    let client = client(&format!("http://{address}"));
    let chunks = futures_util::stream::iter([
        Ok(http_body::Frame::data(bytes::Bytes::from_static(b"{"))),
        Err(std::io::Error::other("the client went away")),
    ]);
    let request = http::Request::post(format!("http://{address}/x"));
    let request = request.body(http_body_util::StreamBody::new(chunks)).unwrap();
    let failure = client.send(request).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cancelled);
}

#[tokio::test]
async fn an_abandoned_answer_closes_its_connection() {
    let (closed, is_closed) = mpsc::channel();
    let (address, _) = serve(move |_, mut stream| {
        request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        stream.write_all(head).unwrap();
        let end = stream.read(&mut [0]);
        closed.send(matches!(end, Ok(0) | Err(_))).unwrap();
    });
    let client = client(&format!("http://{address}"));
    let mut body = client.send(post(&format!("http://{address}/x"))).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let (done, is_done) = tokio::sync::oneshot::channel();
    start(move || done.send(is_closed.recv_timeout(Duration::from_secs(5))).unwrap());
    assert!(is_done.await.unwrap().unwrap());
}

#[tokio::test]
async fn a_small_request_does_not_wait_for_an_acknowledgement() {
    let (address, _) = serve(|_, mut stream| answer_all(&mut stream));
    let client = client(&format!("http://{address}"));
    let uri = format!("http://{address}/x");
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let started = Instant::now();
        client.send(post(&uri)).await.unwrap().into_body().collect().await.unwrap();
        fastest = fastest.min(started.elapsed());
    }
    // Nagle with delayed acknowledgements would cost 40 ms each time.
    assert!(fastest < Duration::from_millis(20), "{fastest:?}");
}

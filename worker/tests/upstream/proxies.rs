//! Ways through a proxy for plain destinations; TLS through a tunnel is in `tls`.

use crate::server::{OK, TIMEOUTS, answer_all, post, request, serve, upstream};
use http_body_util::BodyExt;
use protocol::ipc::configure::Proxy;
use protocol::model::{Failure, FailureKind};
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use worker::upstream::Client;

async fn through(proxy: Proxy, uri: &str) -> Result<bytes::Bytes, Failure> {
    let client = Client::new(&upstream(uri, proxy), &TIMEOUTS, 8).unwrap();
    client.send(post(uri)).await?.into_body().collect().await.map(http_body_util::Collected::to_bytes)
}

#[tokio::test]
async fn a_plain_destination_is_asked_for_in_absolute_form() {
    let (seen, heads) = mpsc::channel();
    let (proxy, _) = serve(move |_, mut stream| {
        seen.send(request(&mut stream).unwrap()).unwrap();
        stream.write_all(OK).unwrap();
    });
    let answer =
        through(Proxy::Url(format!("http://u%40x:p@{proxy}")), "http://destination.invalid:8000/v1/x").await;
    assert_eq!(answer.unwrap(), "ok");
    let head = heads.recv().unwrap();
    assert!(head.starts_with("POST http://destination.invalid:8000/v1/x HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: destination.invalid:8000\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: Basic dUB4OnA=\r\n"), "{head}");
}

#[tokio::test]
async fn an_exception_goes_straight() {
    let (destination, _) = serve(|_, mut stream| answer_all(&mut stream));
    let (proxy, connections) = serve(|_, _| {});
    let url = format!("http://{proxy}");
    let environment = Proxy::Environment { http: url.clone(), https: url, no: "127.0.0.0/8".into() };
    assert_eq!(through(environment, &format!("http://{destination}/x")).await.unwrap(), "ok");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let (proxy, _) = serve(|_, mut stream| {
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let url = Proxy::Url(format!("http://user:secret@{proxy}"));
    let failure = through(url, "https://destination.invalid/v1").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    let expected = format!("the proxy {proxy} on the way to destination.invalid failed: ");
    assert!(failure.message.starts_with(&expected), "{}", failure.message);
    assert!(failure.message.contains("authorization required") && !failure.message.contains("secret"));
}

/// RFC 1928 and 1929, as much as one connection needs.
fn socks(mut stream: std::net::TcpStream, asked: &mpsc::Sender<String>) {
    let mut hello = [0; 2];
    stream.read_exact(&mut hello).unwrap();
    let mut methods = vec![0; usize::from(hello[1])];
    stream.read_exact(&mut methods).unwrap();
    assert!(methods.contains(&2), "no password offered: {methods:?}");
    stream.write_all(&[5, 2]).unwrap();
    let field = |stream: &mut std::net::TcpStream| {
        let mut length = [0];
        stream.read_exact(&mut length).unwrap();
        let mut text = vec![0; usize::from(length[0])];
        stream.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    };
    stream.read_exact(&mut [0]).unwrap();
    let (user, password) = (field(&mut stream), field(&mut stream));
    stream.write_all(&[1, 0]).unwrap();
    let mut command = [0; 4];
    stream.read_exact(&mut command).unwrap();
    assert_eq!(command, [5, 1, 0, 3], "connect to a name");
    let host = field(&mut stream);
    let mut port = [0; 2];
    stream.read_exact(&mut port).unwrap();
    asked.send(format!("{user}:{password}@{host}:{}", u16::from_be_bytes(port))).unwrap();
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
    answer_all(&mut stream);
}

#[tokio::test]
async fn a_socks_proxy_resolves_the_name() {
    let (asked, asks) = mpsc::channel();
    let (proxy, _) = serve(move |_, stream| socks(stream, &asked));
    let answer = through(Proxy::Url(format!("socks5h://u:p@{proxy}")), "http://destination.invalid/x").await;
    assert_eq!(answer.unwrap(), "ok");
    assert_eq!(asks.recv().unwrap(), "u:p@destination.invalid:80");
}

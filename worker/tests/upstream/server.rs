//! Small servers that do exactly what a test says, on threads of their own.

use protocol::dialect::Dialect;
use protocol::ipc::configure::{AuthScheme, Endpoint, HttpUpstream, Proxy, Timeouts};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use worker::upstream::Client;

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Runs `script` on every connection, with the connection's number from 1; counts connections.
pub(crate) fn serve(
    script: impl Fn(usize, TcpStream) + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let script = Arc::new(script);
    let accept = move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
            let script = Arc::clone(&script);
            start(move || script(number, stream));
        }
    };
    start(accept);
    (address, count)
}

pub(crate) fn start(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).unwrap();
}

/// The head of the next request, its body read and thrown away; `None` at the end.
pub(crate) fn request(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(Ok(0), str::parse);
    let mut body = vec![0; length.ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(head)
}

/// Answers every request of the connection.
pub(crate) fn answer_all(stream: &mut (impl Read + Write)) {
    while request(stream).is_some() {
        stream.write_all(OK).unwrap();
    }
}

pub(crate) const TIMEOUTS: Timeouts =
    Timeouts { connect_ms: 2000, first_token_ms: 0, idle_ms: 0, total_ms: 0, total_stream_ms: 0 };

pub(crate) fn upstream(base: &str, proxy: Proxy) -> HttpUpstream {
    HttpUpstream {
        endpoints: vec![Endpoint { dialect: Dialect::OpenAiChat, base_url: base.to_owned() }],
        auth: AuthScheme::None,
        needs_key: false,
        headers: vec![],
        proxy,
        quirks: BTreeMap::new(),
        models: BTreeMap::new(),
    }
}

pub(crate) fn client(base: &str) -> Client {
    Client::new(&upstream(base, Proxy::Direct), &TIMEOUTS, 8).unwrap()
}

pub(crate) fn post(uri: &str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let body = http_body_util::Full::new(bytes::Bytes::from_static(b"{}"));
    http::Request::post(uri).header("content-type", "application/json").body(body).unwrap()
}

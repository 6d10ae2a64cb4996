//! What an app does: calls over HTTP/1.1, one connection each or one kept open, and raw bytes.

use crate::stream::Stream;
use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Longest time any single exchange of a test may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// From the request to the last byte.
    pub took: Duration,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of a completion; empty when it is none.
    pub fn content(&self) -> String {
        self.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
    }
}

/// One open connection. Dropping it closes it, in the middle of whatever it does.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(to).await.with_context(|| format!("connect to {to}"))?;
        socket.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // Its end, good or bad, shows in the answer that is being read.
            let _ended = connection.await;
        });
        Ok(Self { sender, _driver: driver })
    }

    /// Sends a request and waits for the head of its answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        self.sender.ready().await?;
        Ok(tokio::time::timeout(PATIENCE, self.sender.send_request(request)).await??)
    }

    /// The same, with the whole body.
    pub async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Reply> {
        let begin = Instant::now();
        let (head, body) = self.send(request).await?.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect()).await??.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body, took: begin.elapsed() })
    }
}

/// An app.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same app, sending one more header with every call.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same app, with this key.
    pub fn with_key(self, key: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {key}"))
    }

    /// A request with a JSON body.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Request<Full<Bytes>>> {
        let body = body.into();
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Ok(request.body(Full::new(body))?)
    }

    /// Any request, on a connection of its own.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply> {
        Connection::open(self.address).await?.exchange(request).await
    }

    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.send(self.request(Method::GET, path, Bytes::new())?).await
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Reply> {
        self.send(self.request(Method::POST, path, body)?).await
    }

    /// A chat call, not streamed.
    pub async fn chat(&self, model: &str) -> Result<Reply> {
        self.post("/v1/chat/completions", ask(model).to_string()).await
    }

    /// A chat call, streamed: the head is there, the events are to come.
    pub async fn stream(&self, model: &str) -> Result<Stream> {
        let mut body = ask(model);
        body["stream"] = true.into();
        self.stream_body(&body).await
    }

    /// A streamed chat call with that body.
    pub async fn stream_body(&self, body: &Value) -> Result<Stream> {
        let asked = Instant::now();
        let mut connection = Connection::open(self.address).await?;
        let request = self.request(Method::POST, "/v1/chat/completions", body.to_string())?;
        let response = connection.send(request).await?;
        Ok(Stream::new(connection, response, asked))
    }

    /// Writes these bytes and reads whatever comes until the other side closes or `within` passes.
    pub async fn raw(&self, bytes: &[u8], within: Duration) -> Result<Vec<u8>> {
        let mut socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        // The other side may answer and close before it has read all of this.
        let _written = socket.write_all(bytes).await;
        let mut answer = Vec::new();
        let _late_or_reset = tokio::time::timeout(within, socket.read_to_end(&mut answer)).await;
        Ok(answer)
    }
}

/// A chat request.
pub fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "How many roads must a man walk down?"}]})
}

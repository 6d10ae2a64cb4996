//! Somebody who watches: the live page's WebSocket and the stream of log lines, byte by byte, so that nothing of the
//! wire is taken for granted.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest silence.
const PATIENCE: Duration = Duration::from_secs(20);
/// The example of RFC 6455, and what it must be answered with.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An open connection that something comes over.
pub struct Watcher {
    socket: TcpStream,
    buf: Vec<u8>,
}

impl Watcher {
    /// A WebSocket at `/api/v1/monitoring/realtime`.
    pub async fn realtime(to: SocketAddr, token: &str, after: Option<u64>) -> Result<Self> {
        let query = after.map(|seq| format!("?after={seq}")).unwrap_or_default();
        let headers = format!(
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n"
        );
        let (watcher, head) =
            Self::open(to, &format!("/api/v1/monitoring/realtime{query}"), token, &headers).await?;
        ensure!(head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT), "{head}");
        Ok(watcher)
    }

    /// Server-sent events at `/api/v1/logs/stream`.
    pub async fn lines(to: SocketAddr, token: &str, last: Option<u64>) -> Result<Self> {
        let headers = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let (watcher, head) = Self::open(to, "/api/v1/logs/stream", token, &headers).await?;
        ensure!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/event-stream"), "{head}");
        Ok(watcher)
    }

    async fn open(to: SocketAddr, path: &str, token: &str, headers: &str) -> Result<(Self, String)> {
        let mut socket = TcpStream::connect(to).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {token}\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut watcher = Self { socket, buf: Vec::new() };
        let head = watcher.until(b"\r\n\r\n").await?;
        Ok((watcher, String::from_utf8(head)?))
    }

    /// The next text message of the WebSocket; none when it is closed.
    pub async fn message(&mut self) -> Result<Option<Value>> {
        loop {
            let Ok(head) = self.exactly(2).await else { return Ok(None) };
            let length = match head[1] & 0x7f {
                126 => usize::from(u16::from_be_bytes(self.exactly(2).await?.as_slice().try_into()?)),
                127 => usize::try_from(u64::from_be_bytes(self.exactly(8).await?.as_slice().try_into()?))?,
                n => usize::from(n),
            };
            let payload = self.exactly(length).await?;
            match head[0] & 0x0f {
                1 => return Ok(Some(serde_json::from_slice(&payload)?)),
                8 => return Ok(None),
                _ => {}
            }
        }
    }

    /// The next message of that kind.
    pub async fn kind(&mut self, kind: &str) -> Result<Value> {
        loop {
            let message = self.message().await?.with_context(|| format!("no {kind}: it was closed"))?;
            if message["kind"] == kind {
                return Ok(message);
            }
        }
    }

    /// The next log line that holds this text.
    pub async fn line(&mut self, text: &str) -> Result<Value> {
        loop {
            let event = String::from_utf8(self.until(b"\n\n").await?)?;
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            let Some(line) = data.and_then(|data| serde_json::from_str::<Value>(data).ok()) else { continue };
            if line["text"].as_str().is_some_and(|said| said.contains(text)) {
                return Ok(line);
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buf, end) {
                return Ok(self.buf.drain(..at + end.len()).collect());
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, n: usize) -> Result<Vec<u8>> {
        while self.buf.len() < n {
            self.more().await?;
        }
        Ok(self.buf.drain(..n).collect())
    }

    async fn more(&mut self) -> Result<()> {
        let mut piece = [0; 4096];
        let n = timeout(PATIENCE, self.socket.read(&mut piece)).await.context("silence")??;
        if n == 0 {
            bail!("the connection is closed");
        }
        self.buf.extend_from_slice(&piece[..n]);
        Ok(())
    }
}

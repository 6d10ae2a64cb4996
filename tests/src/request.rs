//! Reads one HTTP/1.1 request off a connection, verbatim, for the scripted upstream. Bounded by nothing:
//! it stands behind the gateway and trusts it.

use anyhow::{Context, Result, bail};
use bytes::{Buf, Bytes, BytesMut};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// When its head was complete.
    pub at: Instant,
    /// Which connection of the upstream, counted from 1.
    pub connection: u64,
    pub method: String,
    pub target: String,
    /// In order, names as they were spelled.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Request {
    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// `model` in the body; empty when there is none.
    pub fn model(&self) -> String {
        self.json()["model"].as_str().unwrap_or_default().to_owned()
    }

    pub fn wants_stream(&self) -> bool {
        self.json()["stream"] == Value::Bool(true)
    }
}

/// SHA-256 in hex.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// The next request; `None` = the peer closed between two requests.
pub async fn read(
    from: &mut (impl AsyncRead + Unpin),
    buf: &mut BytesMut,
    connection: u64,
) -> Result<Option<Request>> {
    let end = loop {
        if let Some(end) = memchr::memmem::find(buf, b"\r\n\r\n") {
            break end;
        }
        if from.read_buf(buf).await? == 0 {
            if buf.is_empty() {
                return Ok(None);
            }
            bail!("the connection ended inside a request's head");
        }
    };
    let head = String::from_utf8(buf.split_to(end + 4).to_vec()).context("a head in UTF-8")?;
    let at = Instant::now();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default().to_owned();
    let pairs = lines.filter_map(|l| l.split_once(':'));
    let headers = pairs.map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    let mut request = Request { at, connection, method, target, headers, body: Bytes::new() };
    request.body = match (request.header("content-length"), request.header("transfer-encoding")) {
        (Some(n), _) => exactly(from, buf, n.parse().context("content-length")?).await?,
        (None, Some(_)) => chunked(from, buf).await?,
        (None, None) => Bytes::new(),
    };
    Ok(Some(request))
}

async fn exactly(from: &mut (impl AsyncRead + Unpin), buf: &mut BytesMut, len: usize) -> Result<Bytes> {
    buf.reserve(len.saturating_sub(buf.len()));
    while buf.len() < len {
        if from.read_buf(buf).await? == 0 {
            bail!("the connection ended after {} of {len} body bytes", buf.len());
        }
    }
    Ok(buf.split_to(len).freeze())
}

async fn chunked(from: &mut (impl AsyncRead + Unpin), buf: &mut BytesMut) -> Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let end = loop {
            if let Some(end) = memchr::memmem::find(buf, b"\r\n") {
                break end;
            }
            if from.read_buf(buf).await? == 0 {
                bail!("the connection ended inside a chunk's size");
            }
        };
        let size = usize::from_str_radix(std::str::from_utf8(&buf[..end])?.trim(), 16)?;
        buf.advance(end + 2);
        let chunk = exactly(from, buf, size + 2).await?;
        if size == 0 {
            return Ok(body.freeze());
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_requests_on_one_connection() -> Result<()> {
        let wire = b"POST /v1/x HTTP/1.1\r\nContent-Length: 13\r\nA: b\r\n\r\n{\"model\":\"m\"}\
            POST /y HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let (mut from, mut buf) = (&wire[..], BytesMut::new());
        let one = read(&mut from, &mut buf, 1).await?.context("the first")?;
        assert_eq!((one.method.as_str(), one.target.as_str(), one.header("a")), ("POST", "/v1/x", Some("b")));
        assert_eq!(one.model(), "m");
        let two = read(&mut from, &mut buf, 1).await?.context("the second")?;
        assert_eq!(&two.body[..], b"abcde");
        assert!(read(&mut from, &mut buf, 1).await?.is_none());
        Ok(())
    }
}

//! The first two frames of a data connection: who, which versions, which generation, which token.

use super::call::{Incoming, Opener};
use super::driver::Driver;
use super::{LinkError, Shared, Traffic};
use crate::ipc::call::{DataHello, DataHelloAck};
use crate::ipc::frame::{self, Frame, FrameType};
use crate::ipc::mux::{Mux, Side};
use crate::ipc::{PROTOCOL_MAX, PROTOCOL_MIN, codec};
use crate::transport::local;
use bytes::{Bytes, BytesMut};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Both sides are on one machine: a peer that needs longer is stuck.
const HANDSHAKE: Duration = Duration::from_secs(2);

/// What a worker expects of whoever connects.
#[derive(Clone)]
pub struct Expect {
    pub generation: u64,
    pub token: Vec<u8>,
    pub max_streams: u32,
    /// Counts what goes over the connection.
    pub traffic: Arc<Traffic>,
}

/// Connects to a worker's data socket. The driver must be polled (on a tracked task) for anything to move.
pub async fn connect(path: &Path, hello: &DataHello) -> Result<(Opener, Driver), LinkError> {
    timeout(HANDSHAKE, greet(path, hello)).await.unwrap_or(Err(LinkError::Slow))
}

async fn greet(path: &Path, hello: &DataHello) -> Result<(Opener, Driver), LinkError> {
    let mut stream = local::connect(path).await?;
    local::check_peer(&stream)?;
    send(&mut stream, FrameType::Hello, codec::encode(hello)?).await?;
    let mut buf = BytesMut::new();
    let ack: DataHelloAck = codec::decode(&receive(&mut stream, &mut buf, FrameType::HelloAck).await?)?;
    if ack.generation != hello.generation {
        return Err(LinkError::Refused("the worker is of another generation"));
    }
    if !(hello.protocol_min..=hello.protocol_max).contains(&ack.protocol) {
        return Err(LinkError::Refused("the worker speaks another protocol version"));
    }
    let shared = Arc::new(Shared(Mutex::new(Mux::new(Side::Opener, ack.max_streams))));
    let driver = Driver::new(stream, buf, Arc::clone(&shared), Side::Opener, Arc::default());
    Ok((Opener::new(shared), driver))
}

/// Checks the user and the hello of a connection that was accepted. Takes as long as the peer lets it, up to
/// two seconds: not for the accept loop itself.
pub async fn welcome(stream: UnixStream, expect: &Expect) -> Result<(Incoming, Driver), LinkError> {
    local::check_peer(&stream)?;
    timeout(HANDSHAKE, check(stream, expect)).await.unwrap_or(Err(LinkError::Slow))
}

async fn check(mut stream: UnixStream, expect: &Expect) -> Result<(Incoming, Driver), LinkError> {
    let mut buf = BytesMut::new();
    let hello: DataHello = codec::decode(&receive(&mut stream, &mut buf, FrameType::Hello).await?)?;
    if !same(&hello.token, &expect.token) {
        return Err(LinkError::Refused("wrong token"));
    }
    if hello.generation != expect.generation {
        return Err(LinkError::Refused("the router asks for another generation"));
    }
    let protocol = PROTOCOL_MAX.min(hello.protocol_max);
    if protocol < PROTOCOL_MIN.max(hello.protocol_min) {
        return Err(LinkError::Refused("no common protocol version"));
    }
    let ack = DataHelloAck { protocol, generation: expect.generation, max_streams: expect.max_streams };
    send(&mut stream, FrameType::HelloAck, codec::encode(&ack)?).await?;
    let side = Side::Acceptor { max_streams: expect.max_streams };
    let shared = Arc::new(Shared(Mutex::new(Mux::new(side, 0))));
    let driver = Driver::new(stream, buf, Arc::clone(&shared), side, Arc::clone(&expect.traffic));
    Ok((Incoming::new(shared), driver))
}

/// Equal, in a time that does not depend on where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

async fn send(stream: &mut UnixStream, kind: FrameType, header: Vec<u8>) -> Result<(), LinkError> {
    let mut out = BytesMut::new();
    Frame { header: Bytes::from(header), ..Frame::bare(kind, 0) }.write(&mut out);
    Ok(stream.write_all(&out).await?)
}

async fn receive(stream: &mut UnixStream, buf: &mut BytesMut, kind: FrameType) -> Result<Bytes, LinkError> {
    loop {
        if let Some(frame) = frame::decode(buf)? {
            return if frame.kind == kind {
                Ok(frame.header)
            } else {
                Err(LinkError::Refused("the first frame is no hello"))
            };
        }
        if stream.read_buf(buf).await? == 0 {
            return Err(LinkError::Refused("the peer closed the connection"));
        }
    }
}

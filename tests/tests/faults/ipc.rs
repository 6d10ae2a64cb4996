//! F17: garbage at a worker's data socket. Only the connection it came on may suffer.

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use protocol::ipc::call::DataHello;
use protocol::ipc::frame::{Frame, FrameType};
use protocol::ipc::{PROTOCOL_MAX, PROTOCOL_MIN, codec};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tests::crowd::{Call, Crowd};
use tests::proc;
use tests::scene::Scene;
use tests::stack::{count, say};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Every socket below a directory.
fn sockets(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sockets(&entry.path(), found)?;
        } else if entry.file_type()?.is_socket() {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// Repeatable noise (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}

fn wire(frame: &Frame) -> Vec<u8> {
    let mut out = BytesMut::new();
    frame.write(&mut out);
    out.to_vec()
}

fn hello(token: &[u8]) -> Result<Vec<u8>> {
    let hello = DataHello {
        protocol_min: PROTOCOL_MIN,
        protocol_max: PROTOCOL_MAX,
        build: "test".to_owned(),
        generation: 1,
        token: token.to_vec(),
    };
    let header = Bytes::from(codec::encode(&hello)?);
    Ok(wire(&Frame { header, ..Frame::bare(FrameType::Hello, 0) }))
}

/// One attack: what is written, in which order.
fn attacks(noise: &mut Noise) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut oversize = wire(&Frame::bare(FrameType::Data, 1));
    oversize[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut big_header = wire(&Frame::bare(FrameType::Hello, 0));
    big_header[6..8].copy_from_slice(&u16::MAX.to_le_bytes());
    big_header.extend(noise.bytes(1000));
    let random_header =
        |kind, noise: &mut Noise| wire(&Frame { header: noise.bytes(200).into(), ..Frame::bare(kind, 1) });
    let mut all = vec![
        ("nothing", Vec::new()),
        ("noise", noise.bytes(4096)),
        ("one byte", vec![0x4c]),
        ("oversize body", oversize),
        ("cut header", big_header),
        ("wrong token", hello(&noise.bytes(32))?),
        ("no token", hello(&[])?),
        ("token of 60 KB", hello(&noise.bytes(60_000))?),
        ("hello with noise inside", random_header(FrameType::Hello, noise)),
        ("two hellos", [hello(&noise.bytes(32))?, hello(&noise.bytes(32))?].concat()),
        ("a call without hello", random_header(FrameType::Open, noise)),
        ("control on the data socket", random_header(FrameType::Control, noise)),
    ];
    for kind in [FrameType::Credit, FrameType::Reset, FrameType::GoAway, FrameType::Ping, FrameType::End] {
        all.push(("a frame out of order", random_header(kind, noise)));
    }
    Ok(all)
}

/// Writes in one go or byte by byte, then waits for the other side to hang up.
async fn attack(socket: &Path, bytes: &[u8], by_byte: bool) -> Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    let pieces = if by_byte { 1 } else { bytes.len().max(1) };
    for piece in bytes.chunks(pieces) {
        // It may hang up before it has heard all of it.
        if stream.write_all(piece).await.is_err() {
            return Ok(());
        }
    }
    let _closed = stream.shutdown().await;
    let mut answer = vec![0u8; 4096];
    let heard = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    heard.context("it neither answers nor hangs up")?.ok();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_garbage_on_the_data_socket_hurts_only_itself() -> Result<()> {
    let scene = Scene::one().await?;
    let mut all = Vec::new();
    sockets(&scene.place().state(), &mut all)?;
    assert!(!all.is_empty(), "no socket below {}", scene.place().state().display());
    let (worker, router) = (scene.worker("a").await?, scene.router().await?);
    let before = proc::rss(worker)?;
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", 2);
    let begin = Instant::now();
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut done = 0;
    let end = begin + Duration::from_secs(count(2, 600) as u64);
    while Instant::now() < end {
        for (name, bytes) in attacks(&mut noise)? {
            for socket in &all {
                let by_byte = bytes.len() < 5000 && done % 2 == 1;
                attack(socket, &bytes, by_byte)
                    .await
                    .with_context(|| format!("{name} at {}", socket.display()))?;
                done += 1;
            }
        }
    }
    let (calls, _) = crowd.finish().await;
    let growth = proc::rss(worker)?.saturating_sub(before);
    say(&format!(
        "F17: {done} attacks on {} sockets in {:?}, worker +{growth} B",
        all.len(),
        begin.elapsed()
    ));
    assert_eq!((scene.worker("a").await?, scene.router().await?), (worker, router), "nobody was replaced");
    assert!(calls.len() > 10 && calls.iter().all(Call::is_answered), "calls beside it went on");
    assert!(growth < 16 << 20, "the worker grew by {growth} bytes");
    Ok(())
}

#[tokio::test]
async fn f17_sockets_are_for_their_owner_only() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::one().await?;
    let mut all = Vec::new();
    sockets(&scene.place().state(), &mut all)?;
    for socket in all {
        let mode = std::fs::metadata(&socket)?.permissions().mode() & 0o777;
        let dir = socket.parent().context("a directory")?;
        let dir_mode = std::fs::metadata(dir)?.permissions().mode() & 0o777;
        assert_eq!((mode, dir_mode), (0o600, 0o700), "{}", socket.display());
    }
    Ok(())
}

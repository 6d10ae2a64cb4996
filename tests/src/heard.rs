//! An answer as it came over the wire: piece by piece, each with its time, in any dialect.

use crate::client::{Client, Connection};
use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use std::time::{Duration, Instant};

/// Longest silence an answer of a test may have.
const PATIENCE: Duration = Duration::from_secs(60);

/// A whole answer, or as much of it as came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub status: u16,
    pub headers: HeaderMap,
    pub asked: Instant,
    pub pieces: Vec<(Instant, Bytes)>,
    /// When the body was over.
    pub ended: Instant,
    /// It ended in an orderly way, and was not cut.
    pub whole: bool,
}

impl Heard {
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.pieces.iter().flat_map(|(_, piece)| piece.to_vec()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// From the request to the end.
    pub fn took(&self) -> Duration {
        self.ended - self.asked
    }

    /// When the text up to and including these words was there.
    pub fn said(&self, words: &str) -> Option<Instant> {
        let mut text = String::new();
        self.pieces.iter().find_map(|(at, piece)| {
            text.push_str(&String::from_utf8_lossy(piece));
            text.contains(words).then_some(*at)
        })
    }
}

/// Posts a JSON body and listens to the end.
pub async fn hear(client: &Client, path: &str, body: impl Into<Bytes>) -> Result<Heard> {
    let asked = Instant::now();
    let mut connection = Connection::open(client.address()).await?;
    let response = connection.send(client.request(Method::POST, path, body)?).await?;
    let (head, mut body) = response.into_parts();
    let (mut pieces, mut whole) = (Vec::new(), true);
    while let Some(frame) = tokio::time::timeout(PATIENCE, body.frame()).await? {
        match frame {
            Ok(frame) => pieces.extend(frame.into_data().ok().map(|data| (Instant::now(), data))),
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let (status, headers, ended) = (head.status.as_u16(), head.headers, Instant::now());
    Ok(Heard { status, headers, asked, pieces, ended, whole })
}

//! The client's request body: read whole within bounds, or taken off the wire unread so that the client gets
//! to see an early answer (a socket closed with unread bytes resets the connection under it).

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Reserved at once on a client's word; more only as bytes come.
const RESERVE: u64 = 4 * 1024 * 1024;
/// Bounds of what is read only to be thrown away.
const DISCARD_BYTES: u64 = 256 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(10);
/// A client that sends nothing for so long waits for our answer.
const DISCARD_PAUSE: Duration = Duration::from_millis(500);

/// Bounds of a request body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) bytes: u64,
    /// The longest wait for the next bytes.
    pub(crate) per_read: Duration,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the request body is larger than the limit of {0} bytes")]
    TooLarge(u64),
    #[error("the request body broke off")]
    BrokenOff,
    #[error("no byte of the request body came for {} s", .0.as_secs_f32())]
    Silent(Duration),
}

/// Reads the whole body. A body that comes in one piece is not copied.
pub(crate) async fn read<B>(body: &mut B, bounds: Bounds) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let declared = body.size_hint().lower();
    if declared > bounds.bytes {
        return Err(BodyError::TooLarge(bounds.bytes));
    }
    let Some(first) = next(body, bounds.per_read).await? else { return Ok(Bytes::new()) };
    if first.len() as u64 > bounds.bytes {
        return Err(BodyError::TooLarge(bounds.bytes));
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(declared.min(RESERVE).max(2 * first.len() as u64) as usize);
    whole.extend_from_slice(&first);
    while let Some(bytes) = next(body, bounds.per_read).await? {
        if (whole.len() + bytes.len()) as u64 > bounds.bytes {
            return Err(BodyError::TooLarge(bounds.bytes));
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}

/// Takes the rest of the body off the wire, within bounds.
pub(crate) async fn discard<B>(body: &mut B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let until = Instant::now() + DISCARD_TIME;
    let mut left = DISCARD_BYTES;
    while !body.is_end_stream() {
        let pause = until.min(Instant::now() + DISCARD_PAUSE);
        let Ok(Some(Ok(frame))) = timeout_at(pause, body.frame()).await else { return };
        let bytes = frame.data_ref().map_or(0, |b| b.len() as u64);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// The next bytes; trailers are skipped.
async fn next<B>(body: &mut B, per_read: Duration) -> Result<Option<Bytes>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        match timeout(per_read, body.frame()).await {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
            Ok(Some(Err(_))) => return Err(BodyError::BrokenOff),
            Err(_) => return Err(BodyError::Silent(per_read)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use std::convert::Infallible;

    const BOUNDS: Bounds = Bounds { bytes: 10, per_read: Duration::from_secs(1) };

    fn chunks(sizes: &[usize]) -> impl Body<Data = Bytes> + Unpin + use<> {
        let frames: Vec<_> =
            sizes.iter().map(|n| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; *n])))).collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit() {
        for (sizes, expected) in [
            (vec![], Ok(0)),
            (vec![10], Ok(10)),
            (vec![4, 6], Ok(10)),
            (vec![11], Err(())),
            (vec![4, 7], Err(())),
        ] {
            let read = read(&mut chunks(&sizes), BOUNDS).await;
            match (read, expected) {
                (Ok(bytes), Ok(len)) => assert_eq!(bytes.len(), len, "{sizes:?}"),
                (Err(error), Err(())) => assert_eq!(error, BodyError::TooLarge(10), "{sizes:?}"),
                (read, _) => panic!("{sizes:?}: {read:?}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_a_timeout() {
        let mut body = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert_eq!(read(&mut body, BOUNDS).await.unwrap_err(), BodyError::Silent(BOUNDS.per_read));
        discard(&mut body).await;
    }
}

//! What a client gets: the body of a response, in all its forms, without a box or a copy.

use super::late::Late;
use super::relay::Relay;
use super::watch::Busy;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A response of the front.
pub(crate) type Reply = http::Response<ReplyBody>;

/// The answer cannot be ended properly: the connection is cut, so that the client does not take the part it
/// has for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct Cut;

/// The body of a response.
pub(crate) struct ReplyBody {
    form: Form,
    /// Keeps the connection marked as busy until the body is written.
    busy: Option<Busy>,
}

enum Form {
    /// All of it, with its length.
    Whole(std::vec::IntoIter<Bytes>, u64),
    /// As it comes from the worker.
    Relay(Box<Relay>),
    /// Begun before there was an answer.
    Late(Box<Late>),
    /// Made elsewhere.
    Foreign(ForeignBody),
}

/// A body that is none of the client APIs'.
pub(crate) type ForeignBody = UnsyncBoxBody<Bytes, Cut>;

impl ReplyBody {
    pub(crate) fn whole(chunks: Vec<Bytes>) -> Self {
        let len = chunks.iter().map(|c| c.len() as u64).sum();
        Self::of(Form::Whole(chunks.into_iter(), len))
    }

    pub(crate) fn relay(relay: Relay) -> Self {
        Self::of(Form::Relay(Box::new(relay)))
    }

    pub(crate) fn late(late: Late) -> Self {
        Self::of(Form::Late(Box::new(late)))
    }

    pub(crate) fn foreign(body: ForeignBody) -> Self {
        Self::of(Form::Foreign(body))
    }

    fn of(form: Form) -> Self {
        Self { form, busy: None }
    }

    /// Marks the connection as busy as long as this body lives.
    pub(crate) fn hold_busy(&mut self, busy: Busy) {
        self.busy = Some(busy);
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let next = match &mut self.form {
            Form::Foreign(body) => return Pin::new(body).poll_frame(cx),
            Form::Whole(chunks, left) => Poll::Ready(chunks.next().map(|chunk| {
                *left -= chunk.len() as u64;
                Ok(chunk)
            })),
            Form::Relay(relay) => relay.poll_next(cx),
            Form::Late(late) => late.poll_next(cx),
        };
        next.map(|next| next.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Whole(_, left) => *left == 0,
            Form::Foreign(body) => body.is_end_stream(),
            Form::Relay(_) | Form::Late(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.form {
            Form::Whole(_, left) => SizeHint::with_exact(*left),
            Form::Foreign(body) => body.size_hint(),
            Form::Relay(_) | Form::Late(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_whole_body_knows_its_length() {
        let mut body = ReplyBody::whole(vec![Bytes::from_static(b"ab"), Bytes::from_static(b"c")]);
        assert_eq!(body.size_hint().exact(), Some(3));
        body.frame().await.unwrap().unwrap();
        assert_eq!(body.size_hint().exact(), Some(1));
        assert!(!body.is_end_stream());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "c");
        assert!(ReplyBody::whole(vec![]).is_end_stream());
    }
}

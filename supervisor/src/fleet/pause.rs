//! A pause in the conversation with a child: its reader and its writer come to rest between two messages, so that
//! somebody else can go on with the same socket. It never touches the socket.

use tokio::sync::watch;

/// Brings the two tasks of a conversation to rest, and lets them go on.
#[derive(Default)]
pub(super) struct Pause {
    wanted: watch::Sender<bool>,
    /// Tasks that rest, or have ended.
    resting: watch::Sender<u8>,
}

/// Tasks that take part in a [`Pause`]: the reader and the writer.
const CONVERSING: u8 = 2;

impl Pause {
    /// Wants a pause; resolves when both rest.
    pub(super) fn begin(&self) -> impl Future<Output = ()> + Send + 'static {
        self.wanted.send_replace(true);
        let mut resting = self.resting.subscribe();
        async move {
            // The sender outlives the child's tasks; should it not, nobody converses any more.
            let _ = resting.wait_for(|n| *n >= CONVERSING).await;
        }
    }

    /// Everyone goes on.
    pub(super) fn end(&self) {
        self.wanted.send_replace(false);
    }

    /// One of the two rests for good: it has ended.
    pub(super) fn arrive(&self) {
        self.resting.send_modify(|n| *n += 1);
    }

    /// Rests until the pause is over.
    pub(super) async fn rest(&self) {
        self.arrive();
        // The sender lives in `self`.
        let _ = self.wanted.subscribe().wait_for(|wanted| !wanted).await;
        self.resting.send_modify(|n| *n -= 1);
    }

    /// Resolves when a pause is wanted. Cancel-safe.
    pub(super) async fn wanted(&self) {
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted).await;
    }
}

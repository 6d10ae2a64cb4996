//! The router's way to the supervisor: what an operator asks over HTTP goes through here and comes back as the
//! supervisor's reply. It understands neither; who may ask what is the supervisor's business.

use protocol::control::{Ask, ControlReply, MAX_LINE, Refusal, RefusalKind};
use protocol::ipc::control::FromChild;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use zeroize::Zeroizing;

/// Questions under way at once; more are refused.
const MAX_OPEN: usize = 128;
/// Long enough for the longest wait a question can ask for (30 s).
const PATIENCE: Duration = Duration::from_secs(35);

/// A question in its wire form, and where the answer's wire form goes.
struct Posed {
    body: Zeroizing<Vec<u8>>,
    answer: oneshot::Sender<Zeroizing<Vec<u8>>>,
}

/// Asks the supervisor. Shared by everything in the router that has something to ask.
pub(crate) struct Asker {
    posed: mpsc::Sender<Posed>,
    places: Semaphore,
}

/// The other end, held by the control conversation.
pub(super) struct Asking {
    posed: mpsc::Receiver<Posed>,
    asked: u64,
    open: BTreeMap<u64, oneshot::Sender<Zeroizing<Vec<u8>>>>,
}

/// Both ends.
pub(super) fn asker() -> (Asker, Asking) {
    let (sender, posed) = mpsc::channel(MAX_OPEN);
    let asker = Asker { posed: sender, places: Semaphore::new(MAX_OPEN) };
    (asker, Asking { posed, asked: 0, open: BTreeMap::new() })
}

impl Asker {
    /// Asks, and waits for the reply; what prevents one is a reply too.
    pub(crate) async fn ask(&self, ask: &Ask) -> ControlReply {
        match self.pose(ask).await {
            Ok(reply) => reply,
            Err(refusal) => ControlReply::Refused(refusal),
        }
    }

    async fn pose(&self, ask: &Ask) -> Result<ControlReply, Refusal> {
        let unavailable = |message: &str| Refusal::new(RefusalKind::Unavailable, message);
        let _place = self.places.try_acquire().map_err(|_| unavailable("too many questions wait already"))?;
        let body = serde_json::to_vec(ask).map(Zeroizing::new).map_err(|error| internal(&error))?;
        if body.len() > MAX_LINE {
            let message = format!("the request is longer than {MAX_LINE} bytes");
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        let (sender, answer) = oneshot::channel();
        let gone = || unavailable("the supervisor does not answer");
        self.posed.try_send(Posed { body, answer: sender }).map_err(|_| gone())?;
        let answered = tokio::time::timeout(PATIENCE, answer).await;
        let body = answered.map_err(|_| unavailable("the supervisor took too long"))?.map_err(|_| gone())?;
        serde_json::from_slice(&body).map_err(|error| internal(&error))
    }
}

fn internal(error: &serde_json::Error) -> Refusal {
    Refusal::new(RefusalKind::Internal, format!("the conversation with the supervisor failed: {error}"))
}

impl Asking {
    /// The next message to the supervisor, with its body. Pending for ever while nobody can ask. Cancel-safe.
    pub(super) async fn next(&mut self) -> (FromChild, Zeroizing<Vec<u8>>) {
        let Some(Posed { body, answer }) = self.posed.recv().await else {
            return std::future::pending().await;
        };
        // Whoever gave up has freed its place; so must its entry be.
        self.open.retain(|_, answer| !answer.is_closed());
        self.asked += 1;
        self.open.insert(self.asked, answer);
        (FromChild::Ask { seq: self.asked }, body)
    }

    /// The supervisor's reply to a question.
    pub(super) fn answered(&mut self, seq: u64, body: Zeroizing<Vec<u8>>) {
        if let Some(answer) = self.open.remove(&seq) {
            // Whoever asked may have gone.
            let _ = answer.send(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::control::{Caller, ControlRequest};

    fn status() -> Ask {
        let caller = Caller::Anonymous { origin: Default::default() };
        Ask { caller, request: ControlRequest::Status, idempotency_key: None }
    }

    #[tokio::test]
    async fn each_question_gets_its_own_answer() {
        let (asker, mut asking) = asker();
        let question = status();
        let supervisor = async {
            let (first, body) = asking.next().await;
            assert_eq!(serde_json::from_slice::<Ask>(&body).unwrap(), status());
            let (second, _) = asking.next().await;
            assert_eq!((first, second), (FromChild::Ask { seq: 1 }, FromChild::Ask { seq: 2 }));
            for (seq, text) in [(2, "two"), (1, "one"), (7, "nobody's")] {
                let reply = serde_json::to_vec(&ControlReply::Done(text.to_owned())).unwrap();
                asking.answered(seq, Zeroizing::new(reply));
            }
        };
        let (one, two, ()) = tokio::join!(asker.ask(&question), asker.ask(&question), supervisor);
        assert_eq!(one, ControlReply::Done("one".to_owned()));
        assert_eq!(two, ControlReply::Done("two".to_owned()));
    }

    #[tokio::test]
    async fn without_a_supervisor_it_fails_at_once() {
        let (asker, asking) = asker();
        drop(asking);
        let ControlReply::Refused(refusal) = asker.ask(&status()).await else { panic!("answered") };
        assert_eq!(refusal.kind, RefusalKind::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_is_nobodys() {
        let (asker, mut asking) = asker();
        let question = status();
        let (reply, _) = tokio::join!(asker.ask(&question), asking.next());
        let ControlReply::Refused(refusal) = reply else { panic!("answered") };
        assert_eq!(refusal.message, "the supervisor took too long");
        asking.answered(1, Zeroizing::default());
    }
}

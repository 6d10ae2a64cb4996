//! Questions in both directions.

use super::rig::Rig;
use crate::fleet::Upward;
use protocol::ipc::configure::WorkerState;
use protocol::ipc::question::{Question, Reply};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn probe() -> Question {
    Question::Probe { model: None }
}

#[tokio::test]
async fn a_worker_is_asked_and_answers() {
    let rig = Rig::start(&["a", "b"]).await;
    rig.until_state("b", WorkerState::Ready).await;
    let reply = rig.fleet.question("b", probe(), PATIENCE).await.unwrap();
    assert_eq!(reply, Reply::Unable("generation 1".to_owned()));
    let refusal = rig.fleet.question("c", probe(), PATIENCE).await.unwrap_err();
    assert_eq!(refusal, "there is no \"c\"; there are: a, b, router");
}

#[tokio::test]
async fn whoever_dies_over_a_question_has_not_answered_it() {
    let rig = Rig::start(&["a-mute"]).await;
    rig.until_state("a-mute", WorkerState::Ready).await;
    let refusal = rig.fleet.question("a-mute", probe(), PATIENCE).await.unwrap_err();
    assert_eq!(refusal, "a-mute ended before it answered");
}

#[tokio::test]
async fn what_a_router_passes_on_is_answered_to_that_router() {
    let mut rig = Rig::start(&["a"]).await;
    let question = Question::Levels { app: "app".to_owned() };
    let fleet = rig.fleet.clone();
    let supervisor = async {
        let Some(Upward::Ask { child, seq, body }) = rig.asked.recv().await else { panic!("nothing asked") };
        assert_eq!(serde_json::from_slice::<Question>(&body).unwrap(), question);
        fleet.answer(child, seq + 1, b"nobody asked".to_vec()).await;
        fleet.answer(child, seq, b"so be it".to_vec()).await;
    };
    let (reply, ()) = tokio::join!(rig.fleet.question("router", question.clone(), PATIENCE), supervisor);
    assert_eq!(reply.unwrap(), Reply::Unable("so be it".to_owned()));
}

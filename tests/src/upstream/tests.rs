//! The harness against itself: an upstream, called without a gateway between.

use super::*;
use crate::client::{Client, ask};
use crate::stream::End;
use crate::wait;

#[tokio::test]
async fn it_answers_both_ways_and_keeps_the_request() -> Result<()> {
    let upstream = Upstream::start().await?;
    let client = Client::new(upstream.address()).with_key("k");
    let reply = client.chat("m1").await?;
    assert_eq!((reply.status, reply.content().as_str()), (200, "hello from the upstream"));
    let story = client.stream("m1").await?.finish().await?;
    assert_eq!((story.end.clone(), story.text().as_str()), (End::Done, "hello from the upstream"));
    let seen = upstream.requests();
    assert_eq!(seen[0].header("Authorization"), Some("Bearer k"));
    assert_eq!(seen[0].body, Bytes::from(ask("m1").to_string()));
    assert!(seen[1].wants_stream());
    Ok(())
}

#[tokio::test]
async fn every_bad_end_is_told_apart() -> Result<()> {
    let upstream = Upstream::start().await?;
    let client = Client::new(upstream.address());
    let error = script::event(&json!({"error": {"message": "no"}}));
    let cases = [
        (vec![Step::Close], End::Cut),
        (vec![Step::Reset], End::Cut),
        (vec![Step::End], End::Silent),
        (vec![Step::Chunk(error.clone()), Step::End], End::Error(json!({"message": "no"}))),
        (vec![Step::Chunk(script::done()), Step::End], End::Done),
    ];
    for (steps, end) in cases {
        upstream.once("m1", Script::broken_stream(2, steps.clone()));
        let story = client.stream("m1").await?.finish().await?;
        assert_eq!((&story.end, story.text().as_str()), (&end, "c0 c1 "), "{steps:?}");
    }
    upstream
        .once("m1", Script::broken_stream(1, [Step::Chunk(error), Step::Chunk(script::done()), Step::End]));
    assert!(matches!(client.stream("m1").await?.finish().await?.end, End::Wrong(_)));
    Ok(())
}

#[tokio::test]
async fn a_hang_up_is_seen_at_once() -> Result<()> {
    let upstream = Upstream::start().await?;
    upstream.on("m1", Script::paced(1000, Duration::from_millis(10)));
    let mut stream = Client::new(upstream.address()).stream("m1").await?;
    assert_eq!(stream.read_content(3).await?.len(), 3);
    assert_eq!((upstream.busy(), upstream.open()), (1, 1));
    let hung_up = Instant::now();
    drop(stream);
    wait::holds("the abort", Duration::from_secs(2), || upstream.aborts().len() == 1).await?;
    assert!(upstream.aborts()[0].at - hung_up < Duration::from_millis(100));
    wait::holds("no open connection", Duration::from_secs(2), || upstream.open() == 0).await?;
    Ok(())
}

#[tokio::test]
async fn refusal_reset_and_garbage_are_what_they_say() -> Result<()> {
    let refusal = Refusal::new()?;
    let address = refusal.socket.local_addr()?;
    assert!(TcpStream::connect(address).await.is_err());
    let upstream = Upstream::start().await?;
    let client = Client::new(upstream.address());
    upstream.welcome(Welcome::Reset);
    assert!(client.chat("m1").await.is_err());
    upstream.welcome(Welcome::Say(Bytes::from_static(b"\x16\x03\x01garbage")));
    assert!(client.chat("m1").await.is_err());
    Ok(())
}

#[tokio::test]
async fn an_echo_gives_the_body_back() -> Result<()> {
    let upstream = Upstream::start().await?;
    upstream.on("m1", Script::Echo);
    let mut body = ask("m1");
    body["filler"] = "x".repeat(3 << 20).into();
    let body = body.to_string();
    let reply = Client::new(upstream.address()).post("/v1/chat/completions", body.clone()).await?;
    assert_eq!(reply.body, Bytes::from(body));
    assert_eq!(reply.header("x-request-id"), Some(digest(&reply.body).as_str()));
    Ok(())
}

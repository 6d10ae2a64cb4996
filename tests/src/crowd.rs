//! Many clients at once: each calls again and again until told to stop; what they saw is counted.

use crate::client::{Client, Connection, Reply};
use crate::stream::{End, Story};
use anyhow::Result;
use bytes::Bytes;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// One unary call as its caller saw it.
#[derive(Clone, Debug)]
pub struct Call {
    pub began: Instant,
    pub took: Duration,
    pub outcome: Outcome,
}

/// How a unary call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Status 200, by that provider.
    Answered { provider: String },
    /// Another status, with the answer's text.
    Refused { status: u16, retry_after: bool, text: String },
    /// The connection was refused.
    NoConnection,
    /// The connection was closed before the answer was complete.
    Lost(String),
}

impl Call {
    pub fn is_answered(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { .. })
    }
}

/// Clients at work.
pub struct Crowd {
    stop: watch::Sender<bool>,
    callers: JoinSet<Vec<Call>>,
    readers: JoinSet<Vec<Result<Story, String>>>,
}

impl Crowd {
    pub fn new() -> Self {
        Self { stop: watch::Sender::new(false), callers: JoinSet::new(), readers: JoinSet::new() }
    }

    /// `count` clients that make unary calls, each on a connection of its own.
    pub fn call(&mut self, client: &Client, model: &str, count: usize) {
        for _ in 0..count {
            let (client, model, stop) = (client.clone(), model.to_owned(), self.stop.subscribe());
            self.callers.spawn(async move {
                let mut calls = Vec::new();
                while !*stop.borrow() {
                    calls.push(one_call(&client, &model).await);
                }
                calls
            });
        }
    }

    /// `count` clients that make unary calls on a connection that they keep as long as it is open.
    pub fn keep(&mut self, client: &Client, model: &str, count: usize) {
        for _ in 0..count {
            let (client, model, stop) = (client.clone(), model.to_owned(), self.stop.subscribe());
            self.callers.spawn(async move {
                let (mut calls, mut connection) = (Vec::new(), None);
                while !*stop.borrow() {
                    calls.push(kept_call(&client, &model, &mut connection).await);
                }
                calls
            });
        }
    }

    /// `count` clients that send this to a path, on a connection that they keep: each begins a call every `pace`, or as
    /// soon as the one before is over.
    pub fn pace(&mut self, client: &Client, (path, body): (&str, &Bytes), count: usize, pace: Duration) {
        for number in 0..count {
            let (client, path, body) = (client.clone(), path.to_owned(), body.clone());
            let stop = self.stop.subscribe();
            self.callers.spawn(async move {
                let (mut calls, mut connection) = (Vec::new(), None);
                tokio::time::sleep(pace.mul_f64(number as f64 / count as f64)).await;
                let mut ticks = tokio::time::interval(pace);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                while !*stop.borrow() {
                    ticks.tick().await;
                    calls.push(kept_post(&client, &path, body.clone(), &mut connection).await);
                }
                calls
            });
        }
    }

    /// `count` clients that read streams to their end.
    pub fn read(&mut self, client: &Client, model: &str, count: usize) {
        for _ in 0..count {
            let (client, model, stop) = (client.clone(), model.to_owned(), self.stop.subscribe());
            self.readers.spawn(async move {
                let mut stories = Vec::new();
                while !*stop.borrow() {
                    stories.push(one_story(&client, &model).await);
                }
                stories
            });
        }
    }

    /// Lets everybody finish what they are at; gives what they saw. A stream that was refused is its text.
    pub async fn finish(mut self) -> (Vec<Call>, Vec<Result<Story, String>>) {
        self.stop.send_replace(true);
        let (mut calls, mut stories) = (Vec::new(), Vec::new());
        while let Some(done) = self.callers.join_next().await {
            calls.extend(done.unwrap_or_default());
        }
        while let Some(done) = self.readers.join_next().await {
            stories.extend(done.unwrap_or_default());
        }
        calls.sort_by_key(|c| c.began);
        (calls, stories)
    }
}

impl Default for Crowd {
    fn default() -> Self {
        Self::new()
    }
}

/// One unary call.
pub async fn one_call(client: &Client, model: &str) -> Call {
    let began = Instant::now();
    let outcome = outcome(client.chat(model).await);
    Call { began, took: began.elapsed(), outcome }
}

/// One unary call on a connection that is there already.
async fn kept_call(client: &Client, model: &str, kept: &mut Option<Connection>) -> Call {
    let body = crate::client::ask(model).to_string();
    kept_post(client, "/v1/chat/completions", body.into(), kept).await
}

/// A connection is kept unless the server said that it closes it.
async fn kept_post(client: &Client, path: &str, body: Bytes, kept: &mut Option<Connection>) -> Call {
    let began = Instant::now();
    let reply = async {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(client.address()).await?,
        };
        let request = client.request(http::Method::POST, path, body)?;
        let reply = connection.exchange(request).await?;
        if reply.header("connection") != Some("close") {
            *kept = Some(connection);
        }
        anyhow::Ok(reply)
    };
    let outcome = outcome(reply.await);
    Call { began, took: began.elapsed(), outcome }
}

fn outcome(reply: Result<Reply>) -> Outcome {
    match reply {
        Ok(reply) if reply.status == 200 => {
            Outcome::Answered { provider: reply.header("x-llm-link-provider").unwrap_or_default().to_owned() }
        }
        Ok(reply) => Outcome::Refused {
            status: reply.status,
            retry_after: reply.header("retry-after").is_some(),
            text: reply.text(),
        },
        Err(e) => {
            let text = format!("{e:#}");
            let refused = text.contains("Connection refused");
            if refused { Outcome::NoConnection } else { Outcome::Lost(text) }
        }
    }
}

async fn one_story(client: &Client, model: &str) -> Result<Story, String> {
    let stream = client.stream(model).await.map_err(|e| format!("{e:#}"))?;
    match stream.status {
        200 => stream.finish().await.map_err(|e| format!("{e:#}")),
        status => Err(format!("status {status}")),
    }
}

/// The value below which `share` of these lie; zero for none.
pub fn quantile(mut values: Vec<Duration>, share: f64) -> Duration {
    values.sort();
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(at).copied().unwrap_or_default()
}

/// How many of these streams ended so.
pub fn count_ends(stories: &[Result<Story, String>], is: impl Fn(&End) -> bool) -> usize {
    stories.iter().filter(|s| s.as_ref().is_ok_and(|s| is(&s.end))).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Upstream;

    #[test]
    fn quantiles() {
        let ms = |n: u64| Duration::from_millis(n);
        let all: Vec<Duration> = (1..=100).map(ms).collect();
        assert_eq!((quantile(all.clone(), 0.5), quantile(all, 0.99)), (ms(50), ms(99)));
        assert_eq!(quantile(vec![ms(3)], 0.99), ms(3));
        assert_eq!(quantile(Vec::new(), 0.5), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_crowd_counts_what_it_sees() -> Result<()> {
        let upstream = Upstream::start().await?;
        let client = Client::new(upstream.address());
        let mut crowd = Crowd::new();
        crowd.call(&client, "m1", 3);
        crowd.read(&client, "m1", 2);
        crate::wait::holds("some calls", Duration::from_secs(5), || upstream.request_count() > 40).await?;
        let (calls, stories) = crowd.finish().await;
        assert!(calls.iter().all(Call::is_answered));
        assert_eq!(count_ends(&stories, |e| *e == End::Done), stories.len());
        assert_eq!(calls.len() + stories.len(), upstream.request_count());
        Ok(())
    }
}

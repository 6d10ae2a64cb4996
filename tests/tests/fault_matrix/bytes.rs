//! An upstream that closes the connection at each of 200 positions of its answer, chunked and not. What the client
//! must see follows from what had come whole by then.

use super::inbound::{Inbound, Verdict};
use super::record::{Fate, Ledger};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stack::{limit, say};
use tokio::task::JoinSet;

/// Where answers are cut, evenly from their first byte to their last.
const POSITIONS: usize = 200;
/// Calls at once.
const CALLERS: usize = 8;

/// How the upstream marks the end of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Chunked,
    /// By the end of the connection: a cut cannot be told from it.
    Close,
}

/// From where on an event may have come whole, and from where on it surely has.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    maybe: usize,
    surely: usize,
}

/// An answer as it goes over the wire.
struct Wire {
    framing: Framing,
    bytes: Vec<u8>,
    content: Mark,
    finish: Mark,
    usage: Mark,
    done: Mark,
}

impl Wire {
    fn new(framing: Framing) -> Self {
        let rest = match framing {
            Framing::Chunked => "transfer-encoding: chunked",
            Framing::Close => "connection: close",
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{rest}\r\n\r\n");
        let none = Mark::default();
        let (bytes, content, finish, usage, done) = (head.into_bytes(), none, none, none, none);
        let mut wire = Self { framing, bytes, content, finish, usage, done };
        wire.event(&script::delta(json!({"role": "assistant", "content": ""}), None));
        wire.content = wire.event(&script::delta(json!({"content": "c0 "}), None));
        for n in 1..6 {
            wire.event(&script::delta(json!({"content": format!("c{n} ")}), None));
        }
        wire.finish = wire.event(&script::delta(json!({}), Some("stop")));
        let mut last = script::delta(json!({}), None);
        (last["choices"], last["usage"]) = (json!([]), script::usage());
        wire.usage = wire.event(&last);
        wire.done = wire.write(&script::done());
        if framing == Framing::Chunked {
            wire.bytes.extend_from_slice(b"0\r\n\r\n");
        }
        wire
    }

    fn event(&mut self, value: &Value) -> Mark {
        self.write(&script::event(value))
    }

    fn write(&mut self, event: &Bytes) -> Mark {
        if self.framing == Framing::Chunked {
            self.bytes.extend_from_slice(format!("{:x}\r\n", event.len()).as_bytes());
        }
        self.bytes.extend_from_slice(event);
        let end = self.bytes.len();
        if self.framing == Framing::Chunked {
            self.bytes.extend_from_slice(b"\r\n");
        }
        // An event ends with two line ends; at the end of everything none may do.
        Mark { maybe: end - 2, surely: end }
    }

    fn position(&self, n: usize) -> usize {
        1 + n * (self.bytes.len() - 1) / (POSITIONS - 1)
    }

    /// What a client may take the answer for that is cut there.
    fn allows(&self, at: usize, verdict: Verdict) -> bool {
        // Vendors leave the terminator out: an orderly end after the reason for it, and not inside of another
        // event, is complete.
        let end = if self.framing == Framing::Close { self.finish } else { self.done };
        match verdict {
            Verdict::Saved => at < self.content.surely,
            Verdict::Broken => at >= self.content.maybe && at < self.done.surely,
            Verdict::Complete => at >= end.maybe,
        }
    }

    /// Whether the upstream had told what the call took; none = it cannot be said.
    fn told(&self, at: usize) -> Option<bool> {
        match at {
            at if at < self.usage.maybe => Some(false),
            at if at >= self.usage.surely => Some(true),
            _ => None,
        }
    }
}

async fn scene(wire: &Wire) -> Result<Scene> {
    let models: Vec<String> = (0..POSITIONS).map(|n| format!("cut-{n}")).collect();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let cast = Cast::new()?.provider_with("a", |p| p.models(&models).fallback(&["b"])).await?;
    let mut scene = cast.provider_with("b", |p| p.models(&models).priority(10)).await?.start().await?;
    scene.stack().hush();
    for (n, model) in models.iter().enumerate() {
        let bytes = Bytes::copy_from_slice(&wire.bytes[..wire.position(n)]);
        scene.upstream("a")?.on(model, Script::just([Step::Raw(bytes), Step::Close]));
        scene.upstream("b")?.on(model, Script::answer("saved by b"));
    }
    Ok(scene)
}

/// One client at each position; counts what they saw.
async fn run(framing: Framing, inbound: Inbound) -> Result<(BTreeMap<&'static str, usize>, Duration)> {
    let wire = Wire::new(framing);
    let scene = scene(&wire).await?;
    let (mut ledger, mut seen, mut longest) = (Ledger::default(), BTreeMap::new(), Duration::ZERO);
    let positions: Vec<usize> = (0..POSITIONS).collect();
    for some in positions.chunks(CALLERS) {
        let mut asking = JoinSet::new();
        for n in some.iter().copied() {
            let client = scene.client();
            asking.spawn(async move { (n, inbound.ask(&client, &format!("cut-{n}")).await) });
        }
        while let Some(asked) = asking.join_next().await {
            let (n, heard) = asked?;
            let (at, heard) = (wire.position(n), heard?);
            let case = || format!("cut at {at} of {} ({framing:?}) for {}", wire.bytes.len(), inbound.name());
            let verdict = inbound.verdict(&heard).with_context(case)?;
            ensure!(wire.allows(at, verdict), "{}: {verdict:?}: {}", case(), heard.text());
            let (fate, name) = match verdict {
                Verdict::Saved => (Fate::Saved, "saved"),
                Verdict::Complete => (Fate::Complete { told: wire.told(at) }, "complete"),
                Verdict::Broken => (Fate::Broken { told: wire.told(at) }, "error"),
            };
            if verdict == Verdict::Broken {
                longest = longest.max(heard.ended - heard.said("c0 ").unwrap_or_else(Instant::now));
            }
            ledger.note(&heard, fate)?;
            *seen.entry(name).or_default() += 1;
        }
    }
    ledger.check(&scene).await?;
    Ok((seen, longest))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_cut_at_any_byte() -> Result<()> {
    say("| cut at 200 positions     | clients          | saved | error | complete | ending within |");
    say("|--------------------------|------------------|-------|-------|----------|---------------|");
    for framing in [Framing::Chunked, Framing::Close] {
        for inbound in Inbound::ALL {
            let (seen, longest) = run(framing, inbound).await?;
            let count = |name: &str| seen.get(name).copied().unwrap_or_default();
            let (saved, broken, complete) = (count("saved"), count("error"), count("complete"));
            let (kind, of) = (format!("{framing:?}"), inbound.name());
            say(&format!(
                "| {kind:<24} | {of:<16} | {saved:>5} | {broken:>5} | {complete:>8} | {longest:>13.1?} |"
            ));
            assert!(saved > 20 && broken > 20 && complete > 0, "{seen:?}");
            assert!(longest < limit(Duration::from_millis(100)), "{longest:?}");
        }
    }
    Ok(())
}

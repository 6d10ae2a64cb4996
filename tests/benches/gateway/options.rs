//! The benchmark's command line.

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
cargo bench -p tests --bench gateway -- [options]
  --quick                 one short round of everything
  --rounds N              interleaved rounds (default 3)
  --seconds N             length of each measurement (default 5)
  --only LIST             of: saturate,rate,stream,flood,memory,start
  --gateways LIST         of: direct,nginx,llm-link
  --connections N         callers of saturate and flood (default 64)
  --rate N                calls a second of rate (default 200)
  --streams N             streams at once of stream (default 1000)
  --pace MS               their chunk interval (default 20)
  --binary PATH           the llm-link executable (default: built in release mode)
  --gateway-env K=V       environment of llm-link; may repeat
  --gateway-config LINE   a line of llm-link's [server] table; may repeat
  --providers N           configured providers (default 10)
  --json FILE             write the figures there, too
";

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Calls/s of 64 callers that never wait, and CPU per call.
    Saturate,
    /// Latency at a modest fixed rate.
    Rate,
    /// Many paced streams at once.
    Stream,
    /// Chunks/s of streams at full speed.
    Flood,
    /// Memory at rest and after load.
    Memory,
    /// From exec to the first answer.
    Start,
}

const PARTS: [(&str, Part); 6] = [
    ("saturate", Part::Saturate),
    ("rate", Part::Rate),
    ("stream", Part::Stream),
    ("flood", Part::Flood),
    ("memory", Part::Memory),
    ("start", Part::Start),
];

/// What stands between load and upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Direct,
    Nginx,
    LlmLink,
}

const KINDS: [(&str, Kind); 3] =
    [("direct", Kind::Direct), ("nginx", Kind::Nginx), ("llm-link", Kind::LlmLink)];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Nginx => "nginx",
            Kind::LlmLink => "llm-link",
        }
    }
}

/// What to measure and how.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    pub(crate) parts: Vec<Part>,
    pub(crate) gateways: Vec<Kind>,
    pub(crate) connections: usize,
    pub(crate) rate: u32,
    pub(crate) streams: usize,
    pub(crate) pace_ms: u64,
    pub(crate) binary: Option<PathBuf>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) config: Vec<String>,
    pub(crate) providers: usize,
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    fn new() -> Self {
        Self {
            rounds: 3,
            time: Duration::from_secs(5),
            parts: PARTS.map(|(_, p)| p).to_vec(),
            gateways: KINDS.map(|(_, k)| k).to_vec(),
            connections: 64,
            rate: 200,
            streams: 1000,
            pace_ms: 20,
            binary: None,
            environment: Vec::new(),
            config: Vec::new(),
            providers: 10,
            json: None,
        }
    }

    /// `None` = help was asked for.
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut o = Self::new();
        let mut args = args;
        while let Some(name) = args.next() {
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                // cargo bench adds it.
                "--bench" => {}
                "--quick" => (o.rounds, o.time) = (1, Duration::from_secs(2)),
                _ => {
                    let value = args.next().with_context(|| format!("{name} needs a value\n{USAGE}"))?;
                    o.set(&name, value)?;
                }
            }
        }
        Ok(Some(o))
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        match name {
            "--rounds" => self.rounds = value.parse()?,
            "--seconds" => self.time = Duration::from_secs_f64(value.parse()?),
            "--only" => self.parts = pick(&PARTS, &value)?,
            "--gateways" => self.gateways = pick(&KINDS, &value)?,
            "--connections" => self.connections = value.parse()?,
            "--rate" => self.rate = value.parse()?,
            "--streams" => self.streams = value.parse()?,
            "--pace" => self.pace_ms = value.parse()?,
            "--binary" => self.binary = Some(value.into()),
            "--gateway-env" => {
                let (k, v) = value.split_once('=').context("--gateway-env NAME=VALUE")?;
                self.environment.push((k.to_owned(), v.to_owned()));
            }
            "--gateway-config" => self.config.push(value),
            "--providers" => self.providers = value.parse()?,
            "--json" => self.json = Some(value.into()),
            other => bail!("unknown option {other}\n{USAGE}"),
        }
        Ok(())
    }
}

fn pick<T: Copy>(all: &[(&str, T)], names: &str) -> Result<Vec<T>> {
    let one = |name: &str| {
        let found = all.iter().find(|(n, _)| *n == name);
        found.map(|(_, t)| *t).with_context(|| {
            format!("{name} is none of {}", all.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", "))
        })
    };
    names.split(',').map(one).collect()
}

//! What the gateway costs, beside nginx as a plain reverse proxy and beside no gateway at all.
//!
//! Load and upstream share one core, the whole gateway has the other; the rounds are interleaved, so that
//! a slow minute of the machine hits all alike. `--help` lists the options.
//!
//! On a machine that does other work, too, real-time scheduling keeps the two cores for the measurement:
//! `chrt -r 5 target/release/deps/gateway-... --binary target/release/llm-link`.

mod clock;
mod cores;
mod gateways;
mod load;
mod mock;
mod options;
mod poller;
mod report;
mod streams;
mod wire;

use anyhow::{Context, Result};
use cores::{Cores, Side};
use gateways::{Gateway, PROVIDER, Upstream};
use hdrhistogram::Histogram;
use options::{Kind, Options, Part};
use report::{Figure, Report};
use std::io::Write;
use std::time::Duration;

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("mock") {
        return mock::run();
    }
    let Some(mut options) = Options::read(std::env::args().skip(1))? else {
        return say(options::USAGE);
    };
    if options.binary.is_none() && options.gateways.contains(&Kind::LlmLink) {
        options.binary = Some(gateways::build()?);
    }
    let report = measure(&options)?;
    say(&report.table(&options.gateways)?)?;
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report.json(&options.gateways))?)?;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn measure(options: &Options) -> Result<Report> {
    let cores = Cores::find()?;
    cores.enter(Side::Load)?;
    let upstream = Upstream::start(cores)?;
    let mut report = Report::default();
    if options.parts.contains(&Part::Start) {
        for _ in 0..options.rounds.max(3) {
            for kind in options.gateways.iter().copied().filter(|k| *k != Kind::Direct) {
                let gateway = Gateway::start(kind, upstream.address, cores, options)?;
                report.add(kind, Figure::ColdStart, gateway.cold_start.as_secs_f64() * 1e3);
            }
        }
    }
    let start = |kind: &Kind| Gateway::start(*kind, upstream.address, cores, options);
    let gateways = options.gateways.iter().map(start).collect::<Result<Vec<_>>>()?;
    if options.parts.contains(&Part::Memory) {
        std::thread::sleep(Duration::from_secs(2));
        record_memory(&gateways, Figure::MemoryIdle, &mut report);
    }
    for round in 1..=options.rounds {
        for part in options.parts.iter().copied() {
            for gateway in &gateways {
                say(&format!("round {round}: {part:?} {}", gateway.kind.name()))?;
                run(part, gateway, options, &mut report).with_context(|| {
                    format!("{part:?} through {}\n{}", gateway.kind.name(), gateway.last_words())
                })?;
            }
        }
    }
    if options.parts.contains(&Part::Memory) {
        std::thread::sleep(Duration::from_secs(2));
        record_memory(&gateways, Figure::MemoryAfter, &mut report);
    }
    for gateway in gateways.iter().filter(|g| g.kind != Kind::Direct) {
        report.notes.push((gateway.kind, gateway.processes()));
    }
    Ok(report)
}

fn record_memory(gateways: &[Gateway], figure: Figure, report: &mut Report) {
    for gateway in gateways.iter().filter(|g| g.kind != Kind::Direct) {
        report.add(gateway.kind, figure, gateway.memory() as f64 / 1_048_576.0);
    }
}

fn run(part: Part, gateway: &Gateway, options: &Options, report: &mut Report) -> Result<()> {
    let (to, kind, time) = (gateway.address, gateway.kind, options.time);
    let cpu = gateway.cpu();
    match part {
        Part::Saturate => {
            let model = format!("{PROVIDER}/u");
            let calls = load::saturate(to, &model, options.connections, time)?;
            let cpu = (gateway.cpu() - cpu).as_secs_f64() * 1e6;
            report.add(kind, Figure::CallsPerSecond, calls.per_second());
            add_quantiles(report, kind, &calls.latency, Figure::SaturatedP50, Figure::SaturatedP99);
            if kind != Kind::Direct {
                report.add(kind, Figure::CpuPerCall, cpu / calls.latency.len() as f64);
                report.add(kind, Figure::SaturatedCores, cpu / 1e6 / calls.seconds);
            }
        }
        Part::Rate => {
            let calls = load::at_rate(to, &format!("{PROVIDER}/u"), options.rate, time)?;
            add_quantiles(report, kind, &calls.latency, Figure::RateP50, Figure::RateP99);
        }
        Part::Stream => {
            let seen = streams::paced(to, PROVIDER, options.streams, options.pace_ms, time)?;
            let cpu = (gateway.cpu() - cpu).as_secs_f64();
            add_quantiles(report, kind, &seen.chunk, Figure::StreamChunkP50, Figure::StreamChunkP99);
            add_quantiles(report, kind, &seen.first, Figure::StreamFirstP50, Figure::StreamFirstP99);
            report.add(kind, Figure::StreamStalls, seen.stalls as f64);
            if kind != Kind::Direct {
                report.add(kind, Figure::StreamCpuCores, cpu / seen.seconds);
            }
        }
        Part::Flood => {
            let seen = streams::full_speed(to, PROVIDER, options.connections, time)?;
            let cpu = (gateway.cpu() - cpu).as_secs_f64() * 1e6;
            report.add(kind, Figure::ChunksPerSecond, seen.chunks_per_second());
            if kind != Kind::Direct {
                report.add(kind, Figure::CpuPerChunk, cpu / seen.chunk.len() as f64);
            }
        }
        Part::Memory | Part::Start => {}
    }
    Ok(())
}

fn add_quantiles(report: &mut Report, kind: Kind, of: &Histogram<u64>, p50: Figure, p99: Figure) {
    report.add(kind, p50, of.value_at_quantile(0.5) as f64 / 1e3);
    report.add(kind, p99, of.value_at_quantile(0.99) as f64 / 1e3);
}

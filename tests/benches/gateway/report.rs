//! The figures: collected per gateway, printed as a table, written as JSON. The median of the rounds counts.

use crate::options::Kind;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    CallsPerSecond,
    CallsTimesNginx,
    CpuPerCall,
    CpuTimesNginx,
    SaturatedCores,
    SaturatedP50,
    SaturatedP99,
    RateP50,
    RateP99,
    AddedP50,
    AddedP99,
    StreamChunkP50,
    StreamChunkP99,
    StreamFirstP50,
    StreamFirstP99,
    StreamStalls,
    StreamCpuCores,
    ChunksPerSecond,
    ChunksTimesNginx,
    CpuPerChunk,
    MemoryIdle,
    MemoryAfter,
    ColdStart,
}

impl Figure {
    const ALL: [Figure; 23] = [
        Figure::CallsPerSecond,
        Figure::CallsTimesNginx,
        Figure::CpuPerCall,
        Figure::CpuTimesNginx,
        Figure::SaturatedCores,
        Figure::SaturatedP50,
        Figure::SaturatedP99,
        Figure::RateP50,
        Figure::RateP99,
        Figure::AddedP50,
        Figure::AddedP99,
        Figure::StreamChunkP50,
        Figure::StreamChunkP99,
        Figure::StreamFirstP50,
        Figure::StreamFirstP99,
        Figure::StreamStalls,
        Figure::StreamCpuCores,
        Figure::ChunksPerSecond,
        Figure::ChunksTimesNginx,
        Figure::CpuPerChunk,
        Figure::MemoryIdle,
        Figure::MemoryAfter,
        Figure::ColdStart,
    ];

    fn title(self) -> &'static str {
        match self {
            Figure::CallsPerSecond => "calls/s, saturated, 1 KB",
            Figure::CallsTimesNginx => "  x nginx",
            Figure::CpuPerCall => "  CPU µs/call, whole tree",
            Figure::CpuTimesNginx => "  calls per CPU second x nginx",
            // Well below 1: something else had the core, and calls/s say little.
            Figure::SaturatedCores => "  CPU cores",
            Figure::SaturatedP50 => "  latency p50 µs",
            Figure::SaturatedP99 => "  latency p99 µs",
            Figure::RateP50 => "fixed rate: latency p50 µs",
            Figure::RateP99 => "  latency p99 µs",
            Figure::AddedP50 => "  added p50 µs",
            Figure::AddedP99 => "  added p99 µs",
            Figure::StreamChunkP50 => "paced streams: chunk p50 µs",
            Figure::StreamChunkP99 => "  chunk p99 µs",
            Figure::StreamFirstP50 => "  first chunk p50 µs",
            Figure::StreamFirstP99 => "  first chunk p99 µs",
            Figure::StreamStalls => "  stalls > 250 ms",
            Figure::StreamCpuCores => "  CPU cores",
            Figure::ChunksPerSecond => "chunks/s at full speed",
            Figure::ChunksTimesNginx => "  x nginx",
            Figure::CpuPerChunk => "  CPU µs/chunk",
            Figure::MemoryIdle => "PSS idle MiB",
            Figure::MemoryAfter => "PSS after load MiB",
            Figure::ColdStart => "cold start ms",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Figure::CallsPerSecond => "calls_per_second",
            Figure::CallsTimesNginx => "calls_times_nginx",
            Figure::CpuPerCall => "cpu_us_per_call",
            Figure::CpuTimesNginx => "cpu_times_nginx",
            Figure::SaturatedCores => "saturated_cores",
            Figure::SaturatedP50 => "saturated_p50_us",
            Figure::SaturatedP99 => "saturated_p99_us",
            Figure::RateP50 => "rate_p50_us",
            Figure::RateP99 => "rate_p99_us",
            Figure::AddedP50 => "added_p50_us",
            Figure::AddedP99 => "added_p99_us",
            Figure::StreamChunkP50 => "stream_chunk_p50_us",
            Figure::StreamChunkP99 => "stream_chunk_p99_us",
            Figure::StreamFirstP50 => "stream_first_p50_us",
            Figure::StreamFirstP99 => "stream_first_p99_us",
            Figure::StreamStalls => "stream_stalls",
            Figure::StreamCpuCores => "stream_cpu_cores",
            Figure::ChunksPerSecond => "chunks_per_second",
            Figure::ChunksTimesNginx => "chunks_times_nginx",
            Figure::CpuPerChunk => "cpu_us_per_chunk",
            Figure::MemoryIdle => "pss_idle_mib",
            Figure::MemoryAfter => "pss_after_mib",
            Figure::ColdStart => "cold_start_ms",
        }
    }
}

/// Every value of every round.
#[derive(Default)]
pub(crate) struct Report {
    values: Vec<(Kind, Figure, f64)>,
    /// Free lines per gateway: its processes at the end.
    pub(crate) notes: Vec<(Kind, Vec<String>)>,
}

impl Report {
    pub(crate) fn add(&mut self, kind: Kind, figure: Figure, value: f64) {
        self.values.push((kind, figure, value));
    }

    fn all(&self, kind: Kind, figure: Figure) -> Vec<f64> {
        let mine = self.values.iter().filter(|(k, f, _)| *k == kind && *f == figure);
        mine.map(|(_, _, v)| *v).collect()
    }

    /// The median of the rounds. Ratios and differences are those of the medians.
    fn value(&self, kind: Kind, figure: Figure) -> Option<f64> {
        match figure {
            Figure::CallsTimesNginx => self.ratio(kind, Figure::CallsPerSecond),
            Figure::ChunksTimesNginx => self.ratio(kind, Figure::ChunksPerSecond),
            // The other way round: less CPU is more calls.
            Figure::CpuTimesNginx => self.ratio(kind, Figure::CpuPerCall).map(f64::recip),
            Figure::AddedP50 => self.added(kind, Figure::RateP50),
            Figure::AddedP99 => self.added(kind, Figure::RateP99),
            _ => median(self.all(kind, figure)),
        }
    }

    fn ratio(&self, kind: Kind, of: Figure) -> Option<f64> {
        Some(median(self.all(kind, of))? / median(self.all(Kind::Nginx, of))?)
    }

    fn added(&self, kind: Kind, of: Figure) -> Option<f64> {
        if kind == Kind::Direct {
            return None;
        }
        Some(median(self.all(kind, of))? - median(self.all(Kind::Direct, of))?)
    }

    pub(crate) fn table(&self, kinds: &[Kind]) -> Result<String> {
        let mut out = String::new();
        write!(out, "{:<32}", "")?;
        for kind in kinds {
            write!(out, "{:>14}", kind.name())?;
        }
        writeln!(out)?;
        for figure in Figure::ALL {
            let row: Vec<Option<f64>> = kinds.iter().map(|k| self.value(*k, figure)).collect();
            if row.iter().all(Option::is_none) {
                continue;
            }
            write!(out, "{:<32}", figure.title())?;
            for value in row {
                write!(out, "{:>14}", value.map(shorten).unwrap_or_default())?;
            }
            writeln!(out)?;
        }
        for (kind, lines) in &self.notes {
            writeln!(out, "\n{}:", kind.name())?;
            for line in lines {
                writeln!(out, "  {line}")?;
            }
        }
        Ok(out)
    }

    pub(crate) fn json(&self, kinds: &[Kind]) -> Value {
        let mut gateways = Map::new();
        for kind in kinds {
            let mut figures = Map::new();
            for figure in Figure::ALL {
                if let Some(v) = self.value(*kind, figure) {
                    let rounds = self.all(*kind, figure);
                    figures.insert(figure.key().to_owned(), json!({ "median": v, "rounds": rounds }));
                }
            }
            gateways.insert(kind.name().to_owned(), Value::Object(figures));
        }
        Value::Object(gateways)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn shorten(v: f64) -> String {
    match v.abs() {
        a if a >= 100.0 => format!("{v:.0}"),
        a if a >= 10.0 => format!("{v:.1}"),
        _ => format!("{v:.2}"),
    }
}

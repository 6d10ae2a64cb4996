//! The header codec: golden bytes, an independent reader, and hostile input (F18).

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use protocol::dialect::{Dialect, Operation};
use protocol::ipc::call::{CallHead, DataHello, Omitted, ReplyHead, Reset, ResetCode, Timings, Trailer};
use protocol::ipc::codec::{CodecError, MAX_HEADER, decode, encode};
use protocol::ipc::control::{FromChild, Pulse, Role, SandboxLevel, SandboxReport, ToChild};
use protocol::model::{Failure, FailureKind, Loss, LossReason, Usage, UsageSource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::{Debug, Write};
use std::time::{Duration, Instant};

fn call_head() -> CallHead {
    CallHead {
        call_id: "0198".into(),
        attempt: 2,
        dialect: Dialect::Anthropic,
        operation: Operation::Chat,
        method: "POST".into(),
        path: String::new(),
        headers: vec![("content-type".into(), "application/json".into())],
        model: "m1".into(),
        model_span: Some((9, 13)),
        stream: true,
        wants_usage: false,
        usage_edit: Some((1, 1, "x".into())),
        strict: false,
        body_len: 77,
        deadline_ms: None,
    }
}

fn reset() -> Reset {
    Reset {
        code: ResetCode::Upstream,
        failure: Some(Failure::new(FailureKind::RateLimited, "slow down").with_retry_after_ms(1500)),
        headers: vec![("retry-after".into(), "2".into())],
        trailer: Some(Trailer {
            usage: Usage { output: Some(3), ..Usage::default() },
            usage_source: Some(UsageSource::Reported),
            timings: Timings { total_us: 9, ..Timings::default() },
            stop_reason: Some("stop".into()),
        }),
    }
}

fn sandboxed() -> FromChild {
    FromChild::Sandboxed(SandboxReport {
        level: SandboxLevel::Partial,
        no_new_privs: true,
        not_dumpable: true,
        rlimits: true,
        landlock_files: true,
        landlock_net: false,
        landlock_scope: false,
        seccomp: true,
        missing: vec!["landlock: kernel too old".into()],
    })
}

fn hello() -> DataHello {
    DataHello { protocol_min: 1, protocol_max: 1, build: "0.8.0".into(), generation: 7, token: vec![1, 2, 3] }
}

fn child_hello() -> FromChild {
    FromChild::Hello {
        role: Role::Worker,
        protocol_min: 1,
        protocol_max: 1,
        build: "b".into(),
        generation: 1,
    }
}

fn reply_head() -> ReplyHead {
    let losses = vec![Loss { field: "seed".into(), reason: LossReason::Unsupported }];
    ReplyHead { status: 200, headers: vec![], stream: true, losses }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        write!(out, "{b:02x}").unwrap();
        out
    })
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> String {
    let bytes = encode(value).unwrap();
    assert_eq!(&decode::<T>(&bytes).unwrap(), value);
    for cut in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..cut]).is_err(), "cut at {cut} still decodes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(decode::<T>(&longer), Err(CodecError::LeftOver { left: 1 })));
    hex(&bytes)
}

/// A change here is a change of the wire: it needs a new protocol version or a new message type.
#[test]
fn the_bytes_on_the_wire_stay_as_they_are() {
    let pulse = Pulse { seq: 1, epoch: 2, in_flight: 3, ..Pulse::default() };
    let lines = [
        ("DataHello", survives(&hello())),
        ("CallHead", survives(&call_head())),
        ("ReplyHead", survives(&reply_head())),
        ("Reset", survives(&reset())),
        ("Omitted", survives(&Omitted { losses: reply_head().losses })),
        ("ToChild::Configure", survives(&ToChild::Configure { epoch: 5 })),
        ("ToChild::Drain", survives(&ToChild::Drain { within_ms: 9 })),
        ("FromChild::Hello", survives(&child_hello())),
        ("FromChild::Sandboxed", survives(&sandboxed())),
        ("FromChild::Pong", survives(&FromChild::Pong(pulse))),
    ];
    let text = lines.map(|(name, hex)| format!("{name} {hex}")).join("\n");
    insta::assert_snapshot!("wire", text);
}

/// The same layout, read by a crate that shares no code with the writer.
#[test]
fn another_crate_reads_the_same_bytes() {
    #[derive(wincode::SchemaRead, wincode::SchemaWrite)]
    struct Hello {
        protocol_min: u16,
        protocol_max: u16,
        build: String,
        generation: u64,
        token: Vec<u8>,
    }
    let bytes = encode(&hello()).unwrap();
    let read: Hello = wincode::deserialize(&bytes).unwrap();
    let DataHello { protocol_min, protocol_max, build, generation, token } = hello();
    assert_eq!((read.protocol_min, read.protocol_max), (protocol_min, protocol_max));
    assert_eq!((&read.build, read.generation, &read.token), (&build, generation, &token));
    assert_eq!(wincode::serialize(&read).unwrap(), bytes);
}

fn is_refused_at_once<T: DeserializeOwned>(what: &str, bytes: &[u8]) {
    let begun = Instant::now();
    assert!(decode::<T>(bytes).is_err(), "{what} was accepted");
    // Ten times the bound of the fault table, for a busy machine.
    assert!(begun.elapsed() < Duration::from_millis(10), "{what} took {:?}", begun.elapsed());
}

#[test]
fn hostile_headers_are_refused_at_once() {
    let huge = (1u64 << 40).to_le_bytes();
    is_refused_at_once::<String>("a string of a tebibyte", &huge);
    is_refused_at_once::<Vec<u8>>("a byte sequence of a tebibyte", &huge);
    is_refused_at_once::<DataHello>("a token of a tebibyte", &{
        let mut bytes = vec![1, 0, 1, 0];
        bytes.extend([0; 16]);
        bytes.extend(huge);
        bytes
    });
    is_refused_at_once::<ToChild>("an unknown variant", &99u32.to_le_bytes());
    is_refused_at_once::<CallHead>("nothing", &[]);
    is_refused_at_once::<Vec<u64>>("a list of more than the limit", &{
        let mut bytes = 20_000u64.to_le_bytes().to_vec();
        bytes.resize(8 + 20_000 * 8, 0);
        bytes
    });
}

#[test]
fn what_is_too_long_is_not_written() {
    #[derive(Serialize, Deserialize)]
    struct Long(String);
    assert!(encode(&Long("x".repeat(MAX_HEADER + 1))).is_err());
    assert!(encode(&Long("x".repeat(MAX_HEADER - 100))).is_ok());
}

mod schema {
    use std::fs;
    use std::path::Path;

    const WIRE: [&str; 5] =
        ["ipc/call.rs", "ipc/control.rs", "model/failure.rs", "model/loss.rs", "model/usage.rs"];

    /// Wire types hold no list of zero-sized elements and do not contain themselves: the two inputs that a
    /// byte limit cannot stop.
    #[test]
    fn wire_types_are_flat_and_sized() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for file in WIRE {
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert!(!text.contains("Vec<()>") && !text.contains("Box<"), "{file}");
            let mut current = String::new();
            for line in text.lines() {
                let words = || line.split(|c: char| !c.is_alphanumeric());
                if line.starts_with("pub struct ") || line.starts_with("pub enum ") {
                    current = words().nth(2).unwrap().to_owned();
                    assert!(!line.ends_with(';'), "{file}: {current} has no size");
                } else if line == "}" {
                    current.clear();
                } else if !current.is_empty() && !line.trim_start().starts_with('/') {
                    assert!(words().all(|w| w != current), "{file}: {current} contains itself");
                }
            }
        }
    }
}

mod random {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// Any bytes are a value or an error, never a panic, an abort or a long wait.
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            at in 0usize..300,
            flip in any::<u8>(),
        ) {
            let _ = decode::<CallHead>(&bytes);
            let _ = decode::<Reset>(&bytes);
            let _ = decode::<FromChild>(&bytes);
            let mut mutated = encode(&call_head()).unwrap();
            let at = at % mutated.len();
            mutated[at] ^= flip;
            let _ = decode::<CallHead>(&mutated);
        }
    }
}

//! One attempt of a call, as router and worker see it: typed headers around raw body bytes.

use crate::dialect::{Dialect, Operation};
use crate::model::{Failure, Loss, Usage, UsageSource};
use serde::{Deserialize, Serialize};

/// Router → worker: the head of one attempt. The client's body follows as raw bytes, unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallHead {
    /// The call's id as shown to the client (`x-llm-link-call-id`).
    pub call_id: String,
    /// 1 for the first try.
    pub attempt: u8,
    pub dialect: Dialect,
    pub operation: Operation,
    /// HTTP method of the client's request.
    pub method: String,
    /// For [`Operation::Raw`]: the path below the dialect's root, with its query (`images/generations`).
    /// Otherwise empty: the worker knows where its provider has each operation.
    pub path: String,
    /// Client headers that may travel upstream, lower-case names (`content-type`, `anthropic-beta`, ...).
    pub headers: Vec<(String, String)>,
    /// The candidate's model id, in the provider's own words.
    pub model: String,
    /// Byte range of the `model` value (quotes included) in the body, when it differs from [`Self::model`]
    /// and must be patched for a pass-through.
    pub model_span: Option<(u64, u64)>,
    /// The client asked for a stream.
    pub stream: bool,
    /// The client asked to see usage inside the stream; if false a usage chunk that only we asked for is hidden.
    pub wants_usage: bool,
    /// What to change in the body so that an OpenAI chat upstream reports usage in its stream, when the client
    /// did not ask: a byte range and its replacement.
    pub usage_edit: Option<(u64, u64, String)>,
    /// Refuse (400) instead of dropping what the target dialect cannot say.
    pub strict: bool,
    /// Exact length of the body that follows.
    pub body_len: u64,
    /// Milliseconds left for the whole call; durations travel, wall times do not.
    pub deadline_ms: Option<u64>,
}

/// Worker → router: the upstream has begun to answer. Body bytes in the client's dialect follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyHead {
    pub status: u16,
    /// Headers for the client, lower-case names, already filtered to those that make sense after us.
    pub headers: Vec<(String, String)>,
    /// The body is a stream of events (SSE or NDJSON) rather than one document.
    pub stream: bool,
    /// What could not be said to the upstream.
    pub losses: Vec<Loss>,
}

/// Worker → router: the answer is complete and valid, terminator included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    pub usage: Usage,
    pub usage_source: Option<UsageSource>,
    pub timings: Timings,
    /// The upstream's stop reason, verbatim.
    pub stop_reason: Option<String>,
}

/// Worker → router, the header of a DATA frame without a body: what of the answer's stream its client's dialect has no
/// word for. At most once, before the terminator or the end. A router that does not know of it passes over it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    pub losses: Vec<Loss>,
}

/// Where an attempt's time went, in microseconds since the worker had its head. Absent = did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// A connection to the upstream was there (0 when a pooled one was used).
    pub connected_us: Option<u64>,
    /// First byte of the upstream's answer head.
    pub first_byte_us: Option<u64>,
    /// First content-bearing event.
    pub first_content_us: Option<u64>,
    pub total_us: u64,
}

/// Why a stream ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResetCode {
    /// The client went away, or the attempt lost a race. From the router.
    Cancel,
    /// The call's deadline passed.
    Deadline,
    /// Not accepted and surely not processed: free to retry.
    Refused,
    /// The upstream failed; the failure says how.
    Upstream,
    /// The peer broke the protocol.
    Protocol,
}

/// Either side: the stream is over without success. The frame's raw body, if any, is the upstream's own
/// error body in the client's dialect, to be passed on as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    pub code: ResetCode,
    pub failure: Option<Failure>,
    /// Upstream headers that belong to the error (`retry-after`, `x-ratelimit-*`), for the client.
    pub headers: Vec<(String, String)>,
    /// What was consumed before the end, as far as it is known.
    pub trailer: Option<Trailer>,
}

/// Router → worker, first frame of a data connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataHello {
    pub protocol_min: u16,
    pub protocol_max: u16,
    pub build: String,
    /// The worker's generation the router believes it talks to.
    pub generation: u64,
    /// 32 bytes handed to both over their control channels.
    pub token: Vec<u8>,
}

/// Worker → router: welcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataHelloAck {
    pub protocol: u16,
    pub generation: u64,
    /// Streams beyond this many at once are refused.
    pub max_streams: u32,
}

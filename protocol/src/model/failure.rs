//! The canonical error: what happened, whose fault it is, and whether trying again can help.
//! It never holds a key and never decides an HTTP envelope (that is each dialect's `failure.rs`).

use serde::{Deserialize, Serialize};

/// What happened, as a closed set. Each dialect maps every kind to its own type, code and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum FailureKind {
    /// The request is not valid: syntax, missing field, bad value.
    InvalidRequest,
    /// The request is valid but says something the target cannot (strict mode refuses a loss).
    Unsupported,
    /// More input than the model's context.
    ContextLength,
    /// The body is larger than the configured limit.
    TooLarge,
    /// The client's key is missing or wrong.
    Unauthenticated,
    /// The client may not do this.
    Forbidden,
    /// No such path.
    NotFound,
    /// No such model for this client.
    ModelNotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body is not of a type this path reads.
    UnsupportedMediaType,
    /// The client took too long to send its request.
    RequestTimeout,
    /// A limit of LLM Link or of the provider was reached.
    RateLimited,
    /// The provider's account has no credit left.
    QuotaExhausted,
    /// The provider refused our key (401/403 upstream).
    UpstreamAuth,
    /// The provider answered with a 5xx or an in-band error.
    Upstream,
    /// The provider says it is overloaded (503, 529).
    Overloaded,
    /// Connect, TLS or DNS failed: nothing was processed.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The answer broke off, or ended without its terminator.
    Interrupted,
    /// The provider's bytes make no sense in its dialect.
    BadAnswer,
    /// The content was refused by a filter.
    ContentFiltered,
    /// The worker process ended while it had the call.
    WorkerLost,
    /// The worker refused the call before starting it: surely unprocessed.
    Refused,
    /// No worker can take the call now.
    Unavailable,
    /// The client went away.
    Cancelled,
    /// A bug or a limit of ours.
    Internal,
}

/// Whose fault a failure is: decides the breaker, the alert and the wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Blame {
    Client,
    Upstream,
    Gateway,
}

/// Whether another attempt may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Retry {
    /// The same request fails everywhere.
    Never,
    /// Another candidate may succeed; this one will not soon.
    Elsewhere,
    /// This candidate may succeed on the next try too.
    Anywhere,
}

/// One failure. `status` is the HTTP status the upstream gave, if it gave one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: FailureKind,
    pub blame: Blame,
    pub retry: Retry,
    /// For the client: lower-case, names the thing, holds no secret and no internal path.
    pub message: String,
    /// The upstream's status code, when the failure is an upstream's answer.
    pub status: Option<u16>,
    /// The upstream's own error code or type, verbatim (`insufficient_quota`, `overloaded_error`, ...).
    pub code: Option<String>,
    /// The request field at fault, as the client spelled it.
    pub param: Option<String>,
    /// Milliseconds the upstream (or a limit of ours) asks to wait.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// A failure with the kind's usual blame and retry advice.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            blame: kind.blame(),
            retry: kind.retry(),
            message: message.into(),
            status: None,
            code: None,
            param: None,
            retry_after_ms: None,
        }
    }

    /// The same failure, naming the request field at fault.
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same failure, with the wait it asks for.
    pub fn with_retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }
}

impl FailureKind {
    /// The usual blame of this kind.
    pub fn blame(self) -> Blame {
        use FailureKind as K;
        match self {
            K::InvalidRequest | K::Unsupported | K::ContextLength | K::TooLarge | K::Unauthenticated => {
                Blame::Client
            }
            K::Forbidden | K::NotFound | K::ModelNotFound | K::MethodNotAllowed => Blame::Client,
            K::UnsupportedMediaType | K::RequestTimeout | K::ContentFiltered | K::Cancelled => Blame::Client,
            K::RateLimited | K::QuotaExhausted | K::UpstreamAuth | K::Upstream | K::Overloaded => {
                Blame::Upstream
            }
            K::Unreachable | K::Timeout | K::Interrupted | K::BadAnswer => Blame::Upstream,
            K::WorkerLost | K::Refused | K::Unavailable | K::Internal => Blame::Gateway,
        }
    }

    /// The usual retry advice of this kind.
    pub fn retry(self) -> Retry {
        use FailureKind as K;
        match self {
            K::InvalidRequest | K::TooLarge | K::Unauthenticated | K::Forbidden | K::NotFound => Retry::Never,
            K::ModelNotFound | K::MethodNotAllowed | K::UnsupportedMediaType | K::RequestTimeout => {
                Retry::Never
            }
            K::ContentFiltered | K::Cancelled | K::Internal => Retry::Never,
            K::Unsupported | K::ContextLength | K::QuotaExhausted | K::UpstreamAuth => Retry::Elsewhere,
            K::RateLimited | K::BadAnswer | K::Unavailable | K::Timeout => Retry::Elsewhere,
            K::Upstream | K::Overloaded | K::Unreachable | K::Interrupted => Retry::Anywhere,
            K::WorkerLost | K::Refused => Retry::Anywhere,
        }
    }
}

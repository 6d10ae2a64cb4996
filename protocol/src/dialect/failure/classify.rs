//! What an upstream's error means: its codes first, then its wording, then its status.
//! The words below are what vendors were seen to send; none of them decides alone for another kind of answer.

use crate::model::FailureKind as K;

/// The evidence of one error answer. Texts are lower-case.
pub(super) struct Evidence<'a> {
    /// The HTTP status, or the status an in-band error gave.
    pub(super) status: u16,
    /// Codes, types and statuses of the body.
    pub(super) words: &'a [String],
    pub(super) message: &'a str,
}

pub(super) fn classify(evidence: &Evidence<'_>) -> K {
    if let Some(kind) = evidence.words.iter().find_map(|word| by_word(word)) {
        return refine(kind, evidence);
    }
    by_status(evidence.status, evidence.message)
}

/// A general word ("invalid request", "not found", "rate limit") may carry a special message.
fn refine(kind: K, evidence: &Evidence<'_>) -> K {
    match kind {
        K::InvalidRequest => match evidence.status {
            401..=599 => by_status(evidence.status, evidence.message),
            _ => by_message(evidence.message).unwrap_or(kind),
        },
        // "api_error" is said of everything: a status that says more counts.
        K::Upstream if matches!(evidence.status, 401..=499 | 503 | 504 | 524 | 529) => {
            by_status(evidence.status, evidence.message)
        }
        K::RateLimited if speaks_of(evidence.message, QUOTA) => K::QuotaExhausted,
        K::NotFound => K::ModelNotFound,
        other => other,
    }
}

fn by_word(word: &str) -> Option<K> {
    let kind = match word {
        "context_length_exceeded" | "model_context_window_exceeded" | "context_window_exceeded" => {
            K::ContextLength
        }
        "insufficient_quota"
        | "billing_error"
        | "insufficient_balance"
        | "billing_hard_limit_reached"
        | "exceeded_current_quota_error"
        | "insufficient_user_quota"
        | "arrearage"
        | "1113"
        | "1008" => K::QuotaExhausted,
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "resource_exhausted"
        | "too_many_requests"
        | "rate_limit_reached_error"
        | "throttling"
        | "1302"
        | "1303"
        | "1305"
        | "1002" => K::RateLimited,
        "overloaded_error"
        | "engine_overloaded_error"
        | "overloaded"
        | "unavailable"
        | "service_unavailable" => K::Overloaded,
        "invalid_api_key"
        | "authentication_error"
        | "unauthenticated"
        | "api_key_invalid"
        | "permission_error"
        | "permission_denied"
        | "invalid_authentication_error"
        | "incorrect_api_key_error"
        | "1004" => K::UpstreamAuth,
        "model_not_found" | "invalidendpointormodel.notfound" | "model_not_exist" | "deploymentnotfound" => {
            K::ModelNotFound
        }
        "not_found_error" | "not_found" => K::NotFound,
        "content_filter"
        | "content_policy_violation"
        | "data_inspection_failed"
        | "1301"
        | "responsibleaipolicyviolation" => K::ContentFiltered,
        "request_too_large" => K::TooLarge,
        "timeout_error" | "deadline_exceeded" => K::Timeout,
        "invalid_request_error" | "invalid_argument" | "invalid_parameter_error" | "2013" => {
            K::InvalidRequest
        }
        "api_error" | "server_error" | "internal_server_error" | "internal" => K::Upstream,
        _ => return None,
    };
    Some(kind)
}

fn by_status(status: u16, message: &str) -> K {
    match status {
        400 | 409 | 422 => by_message(message).unwrap_or(K::InvalidRequest),
        401 | 403 => K::UpstreamAuth,
        402 => K::QuotaExhausted,
        404 => K::ModelNotFound,
        405 => K::MethodNotAllowed,
        408 | 504 | 524 => K::Timeout,
        413 => by_message(message).unwrap_or(K::TooLarge),
        415 => K::UnsupportedMediaType,
        429 if speaks_of(message, QUOTA) => K::QuotaExhausted,
        429 => K::RateLimited,
        503 | 529 => K::Overloaded,
        400..=499 => K::InvalidRequest,
        500..=599 => K::Upstream,
        _ => by_message(message).unwrap_or(K::Upstream),
    }
}

fn by_message(message: &str) -> Option<K> {
    let kinds = [
        (CONTEXT, K::ContextLength),
        (AUTH, K::UpstreamAuth),
        (QUOTA, K::QuotaExhausted),
        (MODEL, K::ModelNotFound),
        (FILTER, K::ContentFiltered),
    ];
    kinds.into_iter().find(|(words, _)| speaks_of(message, words)).map(|(_, kind)| kind)
}

fn speaks_of(message: &str, words: &[&str]) -> bool {
    words.iter().any(|word| message.contains(word))
}

const CONTEXT: &[&str] = &[
    "maximum context length",
    "context length exceeded",
    "context_length_exceeded",
    "exceeds the context",
    "exceed the context",
    "exceed context limit",
    "context window",
    "maximum prompt length",
    "prompt is too long",
    "input is too long",
    "input length exceeds",
    "input token count",
    "range of input length",
    "too many tokens",
    "reduce the length of",
];
const AUTH: &[&str] = &["api key not valid", "invalid api key", "incorrect api key"];
const QUOTA: &[&str] = &[
    "exceeded your current quota",
    "insufficient balance",
    "credit balance is too low",
    "insufficient credits",
    "account balance",
];
const MODEL: &[&str] =
    &["model not exist", "model does not exist", "model not found", "no such model", "unknown model"];
const FILTER: &[&str] = &["content management policy", "content policy", "safety system"];

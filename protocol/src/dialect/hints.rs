//! Fields that only advise a provider. An app that insists on what it said is not refused for one of them: without it
//! the same is answered, and nothing else is kept or paid for that a caller relies on. It is told as lost all the same.
//!
//! Owns: which fields these are, one table a dialect, by what the makers' references, or their own clients, say of them. Never: drops a field,
//! or decides what is lost.
//!
//! Not here, though they look alike: `store` (what is kept), `service_tier`, `speed`, Gemini's `labels` (what is paid,
//! and by whom), `inference_geo` (where it is read), `num_ctx` (what of the prompt is read), `truncation`.

use super::Dialect;

/// The hints of one dialect.
struct Hints {
    /// Of the request itself, as the model's losses spell them.
    fields: &'static [&'static str],
    /// Of any object in it.
    members: &'static [&'static str],
}

/// The caching of prompts is tried by itself; these only help it. `user` and `safety_identifier` tell the maker's
/// abuse detection whom to blame; `metadata` is for looking up what was stored, which `store` asks for.
/// A `prediction` makes a known answer come sooner, the answer is the same.
const OPENAI_CHAT: Hints = Hints {
    fields: &[
        "metadata",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "user",
    ],
    members: &["cache_control", "prompt_cache_breakpoint"],
};

/// `client_metadata` is what a client tells of itself and its traces; `stream_options` has but padding against
/// those who listen to the length of events.
const OPENAI_RESPONSES: Hints = Hints {
    fields: &[
        "client_metadata",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "stream_options",
        "user",
    ],
    members: &["cache_control", "prompt_cache_breakpoint"],
};

/// A marker says up to where a prompt may be cached. `metadata` has but the user, for abuse detection. With eager
/// streaming a tool's arguments come in earlier pieces.
const ANTHROPIC: Hints =
    Hints { fields: &["metadata", "user"], members: &["cache_control", "eager_input_streaming"] };

/// How long a model stays in memory, and on what it runs there.
const OLLAMA: Hints = Hints {
    fields: &[
        "keep_alive",
        "options.main_gpu",
        "options.num_batch",
        "options.num_gpu",
        "options.num_thread",
        "options.use_mmap",
    ],
    members: &[],
};

/// Every field of this API changes the answer, where it is kept or who pays for it.
const GEMINI: Hints = Hints { fields: &[], members: &[] };

impl Dialect {
    /// Whether what a client of this dialect said there was a hint. `field` is the path of a loss, in the model's words.
    pub fn is_hint(self, field: &str) -> bool {
        let hints = match self {
            Dialect::OpenAiChat => OPENAI_CHAT,
            Dialect::OpenAiResponses => OPENAI_RESPONSES,
            Dialect::Anthropic => ANTHROPIC,
            Dialect::Ollama => OLLAMA,
            Dialect::Gemini => GEMINI,
        };
        let member = field.rsplit('.').next().unwrap_or(field);
        hints.fields.contains(&field) || hints.members.contains(&member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_known_where_they_stand_and_in_their_own_dialect() {
        use Dialect as D;
        for (dialect, field, want) in [
            (D::OpenAiChat, "prompt_cache_key", true),
            (D::OpenAiChat, "messages[3].content[1].cache_control", true),
            (D::OpenAiChat, "tools[0].cache_control", true),
            (D::OpenAiResponses, "messages[0].content[0].prompt_cache_breakpoint", true),
            (D::OpenAiChat, "messages[0].user", false),
            (D::OpenAiChat, "messages[0].metadata", false),
            (D::OpenAiChat, "user", true),
            (D::OpenAiChat, "store", false),
            (D::OpenAiChat, "service_tier", false),
            (D::OpenAiChat, "logit_bias", false),
            (D::OpenAiChat, "keep_alive", false),
            (D::OpenAiResponses, "client_metadata", true),
            (D::OpenAiResponses, "include", false),
            (D::OpenAiResponses, "truncation", false),
            (D::Anthropic, "cache_control", true),
            (D::Anthropic, "tools[0].eager_input_streaming", true),
            (D::Anthropic, "tools[0].defer_loading", false),
            (D::Anthropic, "user", true),
            (D::Anthropic, "service_tier", false),
            (D::Anthropic, "messages[1].content", false),
            (D::Ollama, "options.num_thread", true),
            (D::Ollama, "options.num_ctx", false),
            (D::Ollama, "num_thread", false),
            (D::Gemini, "labels", false),
            (D::Gemini, "cachedContent", false),
        ] {
            assert_eq!(dialect.is_hint(field), want, "{dialect}: {field}");
        }
    }
}

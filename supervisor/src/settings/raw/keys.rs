//! Every key of the configuration file, with a line that shows it in use.

use crate::settings::cursor::Key;

pub(crate) const SERVER: Key = Key::new("server", "[server]");
pub(crate) const PROVIDERS: Key = Key::new("providers", "[[providers]]");
pub(crate) const APPS: Key = Key::new("apps", "[[apps]]");
pub(crate) const ALIASES: Key = Key::new("aliases", "[[aliases]]");
pub(crate) const LOG: Key = Key::new("log", "[log]");
pub(crate) const DEFAULTS: Key = Key::new("defaults", "[defaults]");
pub(crate) const RETENTION: Key = Key::new("retention", "[retention]");
/// Only in documents for `llm-link apply`.
pub(crate) const SETTINGS_SECTION: &str = "settings";

/// `[server]`
pub(crate) mod server {
    use super::Key;

    pub(crate) const LISTEN: Key = Key::new("listen", r#"listen = ["127.0.0.1:8080"]"#);
    pub(crate) const OPEN: Key = Key::new("open", "open = true");
    pub(crate) const ADMIN: Key = Key::new("admin", r#"admin = ["127.0.0.1:8080"]"#);
    pub(crate) const APPS: Key = Key::new("apps", r#"apps = { "127.0.0.1:8081" = "my-app" }"#);
    pub(crate) const STATE_DIR: Key = Key::new("state_dir", r#"state_dir = "/var/lib/llm-link""#);
    pub(crate) const RUNTIME_DIR: Key = Key::new("runtime_dir", r#"runtime_dir = "/run/llm-link""#);
    pub(crate) const BODY_LIMIT: Key = Key::new("body_limit", r#"body_limit = "64MiB""#);
    pub(crate) const HOLD_LIMIT: Key = Key::new("hold_limit", r#"hold_limit = "8MiB""#);
    pub(crate) const HEADER_LIMIT: Key = Key::new("header_limit", r#"header_limit = "64KiB""#);
    pub(crate) const READ_TIMEOUT: Key = Key::new("read_timeout", r#"read_timeout = "30s""#);
    pub(crate) const CONNECTIONS: Key = Key::new("connections", "connections = 10000");
    pub(crate) const DEADLINE: Key = Key::new("deadline", r#"deadline = "300s""#);
    pub(crate) const DRAIN_TIMEOUT: Key = Key::new("drain_timeout", r#"drain_timeout = "120s""#);
    pub(crate) const MAX_ATTEMPTS: Key = Key::new("max_attempts", "max_attempts = 3");
    pub(crate) const ATTEMPTS_PER_PROVIDER: Key =
        Key::new("attempts_per_provider", "attempts_per_provider = 2");
    pub(crate) const THREADS: Key = Key::new("threads", "threads = 4");
    pub(crate) const RUNTIME: Key = Key::new("runtime", r#"runtime = "multi""#);
    pub(crate) const UTC_OFFSET: Key = Key::new("utc_offset", r#"utc_offset = "+08:00""#);
}

/// `[[providers]]`
pub(crate) mod provider {
    use super::Key;

    pub(crate) const NAME: Key = Key::new("name", r#"name = "deepseek""#);
    pub(crate) const PRESET: Key = Key::new("preset", r#"preset = "deepseek""#);
    pub(crate) const DIALECT: Key = Key::new("dialect", r#"dialect = "openai-chat""#);
    pub(crate) const BASE_URL: Key = Key::new("base_url", r#"base_url = "https://api.example.com/v1""#);
    pub(crate) const KEY: Key = Key::new("key", r#"key = { file = "/etc/llm-link/deepseek.key" }"#);
    pub(crate) const KEYS: Key = Key::new(
        "keys",
        r#"keys = [{ file = "/etc/llm-link/a.key", label = "a" }, { env = "B_KEY", label = "b" }]"#,
    );
    pub(crate) const MODELS: Key = Key::new("models", r#"models = ["deepseek-chat"]"#);
    pub(crate) const PRIORITY: Key = Key::new("priority", "priority = 0");
    pub(crate) const FALLBACK: Key = Key::new("fallback", r#"fallback = ["other-provider"]"#);
    pub(crate) const ENABLED: Key = Key::new("enabled", "enabled = true");
    pub(crate) const SANDBOX: Key = Key::new("sandbox", r#"sandbox = "best-effort""#);
    pub(crate) const MEMORY_LIMIT: Key = Key::new("memory_limit", r#"memory_limit = "1GiB""#);
    pub(crate) const FILES: Key = Key::new("files", "files = 1024");
    pub(crate) const MAX_CONCURRENT: Key = Key::new("max_concurrent", "max_concurrent = 1024");
    pub(crate) const MAX_QUEUE: Key = Key::new("max_queue", "max_queue = 1024");
    pub(crate) const MAX_WAIT: Key = Key::new("max_wait", r#"max_wait = "30s""#);
    pub(crate) const RATES: Key = Key::new("rates", "rates = { requests_per_minute = 600 }");
    pub(crate) const POOL_IDLE: Key = Key::new("pool_idle", "pool_idle = 64");
    pub(crate) const PROXY: Key = Key::new("proxy", r#"proxy = "direct""#);
    pub(crate) const HEADERS: Key = Key::new("headers", r#"headers = { x-title = "LLM Link" }"#);
    pub(crate) const PROXY_LOGIN: Key =
        Key::new("proxy_login", r#"proxy_login = { env = "PROXY_LOGIN" }   # user:password"#);
    pub(crate) const SECRET_HEADERS: Key = Key::new(
        "secret_headers",
        r#"secret_headers = { x-team-token = { file = "/etc/llm-link/team.token" } }"#,
    );
    pub(crate) const QUIRKS: Key =
        Key::new("quirks", r#"quirks = { openai-chat = { max_tokens = "max_tokens" } }"#);
    pub(crate) const TIMEOUTS: Key = Key::new("timeouts", r#"timeouts = { connect = "10s", idle = "120s" }"#);
}

/// `key = { ... }` and the elements of `keys = [...]`
pub(crate) mod key {
    use super::Key;

    pub(crate) const FILE: Key = Key::new("file", r#"{ file = "/etc/llm-link/name.key" }"#);
    pub(crate) const ENV: Key = Key::new("env", r#"{ env = "NAME_KEY" }"#);
    /// Only in documents.
    pub(crate) const KEPT: Key = Key::new("kept", "{ kept = true }");
}

/// The elements of a provider's `keys = [...]`, besides where the key is
pub(crate) mod provider_key {
    use super::Key;

    pub(crate) const LABEL: Key = Key::new("label", r#"keys = [{ env = "A_KEY", label = "a" }]"#);
    pub(crate) const ENABLED: Key = Key::new("enabled", r#"keys = [{ env = "A_KEY", enabled = false }]"#);
}

/// `models = [{ ... }]`
pub(crate) mod model {
    use super::Key;

    pub(crate) const ID: Key = Key::new("id", r#"models = [{ id = "m1", context = 128000 }]"#);
    pub(crate) const ENABLED: Key = Key::new("enabled", "enabled = false");
    pub(crate) const CONTEXT: Key = Key::new("context", "context = 128000");
    pub(crate) const MAX_OUTPUT: Key = Key::new("max_output", "max_output = 8192");
    pub(crate) const TOOLS: Key = Key::new("tools", "tools = true");
    pub(crate) const VISION: Key = Key::new("vision", "vision = false");
    pub(crate) const REASONING: Key = Key::new("reasoning", "reasoning = false");
    pub(crate) const PREFILL: Key = Key::new("prefill", "prefill = false");
    pub(crate) const VERSION: Key = Key::new("version", r#"version = "2025-10-24""#);
    pub(crate) const DEPRECATED: Key = Key::new("deprecated", "deprecated = true");
    pub(crate) const SUNSET: Key = Key::new("sunset", r#"deprecated = true, sunset = "2027-01-31""#);
    pub(crate) const ALTERNATIVES: Key = Key::new("alternatives", r#"alternatives = ["m2", "other/m3"]"#);
    pub(crate) const PRICES: Key =
        Key::new("prices", r#"prices = [{ currency = "USD", input = 0.27, output = 1.10 }]"#);
}

/// `prices = [{ ... }]`
pub(crate) mod price {
    use super::Key;

    pub(crate) const SINCE: Key = Key::new("since", r#"since = "2026-01-01""#);
    pub(crate) const CURRENCY: Key = Key::new("currency", r#"currency = "USD""#);
    pub(crate) const INPUT: Key = Key::new("input", "input = 0.27");
    pub(crate) const CACHE_READ: Key = Key::new("cache_read", "cache_read = 0.07");
    pub(crate) const CACHE_WRITE: Key = Key::new("cache_write", "cache_write = 0.27");
    pub(crate) const OUTPUT: Key = Key::new("output", "output = 1.10");
}

/// `rates = { ... }`, also part of `limits`
pub(crate) mod rates {
    use super::Key;

    pub(crate) const REQUESTS_PER_SECOND: Key =
        Key::new("requests_per_second", "{ requests_per_second = 50 }");
    pub(crate) const REQUESTS_PER_MINUTE: Key =
        Key::new("requests_per_minute", "{ requests_per_minute = 600 }");
    pub(crate) const TOKENS_PER_MINUTE: Key = Key::new("tokens_per_minute", "{ tokens_per_minute = 200000 }");
}

/// `limits = { ... }`
pub(crate) mod limits {
    use super::Key;

    pub(crate) const CONCURRENT: Key = Key::new("concurrent", "limits = { concurrent = 64 }");
    pub(crate) const QUEUE: Key = Key::new("queue", "limits = { queue = 256 }");
    pub(crate) const WAIT: Key = Key::new("wait", r#"limits = { wait = "30s" }"#);
}

/// `budgets = { ... }`
pub(crate) mod budgets {
    use super::Key;

    pub(crate) const DAILY_TOKENS: Key = Key::new("daily_tokens", "budgets = { daily_tokens = 5000000 }");
    pub(crate) const MONTHLY_TOKENS: Key =
        Key::new("monthly_tokens", "budgets = { monthly_tokens = 100000000 }");
    pub(crate) const DAILY_COST: Key = Key::new("daily_cost", r#"budgets = { daily_cost = "10 USD" }"#);
    pub(crate) const MONTHLY_COST: Key =
        Key::new("monthly_cost", r#"budgets = { monthly_cost = ["200 USD", "500 CNY"] }"#);
}

/// `timeouts = { ... }`
pub(crate) mod timeout {
    use super::Key;

    pub(crate) const CONNECT: Key = Key::new("connect", r#"timeouts = { connect = "10s" }"#);
    pub(crate) const FIRST_TOKEN: Key = Key::new("first_token", r#"timeouts = { first_token = "120s" }"#);
    pub(crate) const IDLE: Key = Key::new("idle", r#"timeouts = { idle = "120s" }"#);
    pub(crate) const TOTAL: Key = Key::new("total", r#"timeouts = { total = "600s" }"#);
    pub(crate) const TOTAL_STREAM: Key = Key::new("total_stream", r#"timeouts = { total_stream = "0s" }"#);
}

/// `[defaults]`; the rest are keys of a provider.
pub(crate) mod defaults {
    use super::Key;

    pub(crate) const TIMEOUTS: Key = Key::new("timeouts", r#"timeouts = { first_token = "120s" }"#);
}

/// `[retention]`
pub(crate) mod retention {
    use super::Key;

    pub(crate) const CALLS: Key = Key::new("calls", "calls = 30   # days");
    pub(crate) const TRACES: Key = Key::new("traces", "traces = 7   # days");
    pub(crate) const MINUTES: Key = Key::new("minutes", "minutes = 2   # days");
    pub(crate) const HOURS: Key = Key::new("hours", "hours = 90   # days");
    pub(crate) const DAYS: Key = Key::new("days", "days = 1100   # days");
    pub(crate) const AUDIT: Key = Key::new("audit", "audit = 730   # days");
    pub(crate) const EVENTS: Key = Key::new("events", "events = 90   # days");
    pub(crate) const ALERTS: Key = Key::new("alerts", "alerts = 365   # days");
    pub(crate) const SESSIONS: Key = Key::new("sessions", "sessions = 7   # days");
}

/// `[[apps]]`
pub(crate) mod app {
    use super::Key;

    pub(crate) const NAME: Key = Key::new("name", r#"name = "web""#);
    pub(crate) const KEYS: Key = Key::new("keys", r#"keys = [{ env = "WEB_KEY" }]"#);
    pub(crate) const ENABLED: Key = Key::new("enabled", "enabled = true");
    pub(crate) const NOTE: Key = Key::new("note", r#"note = "the web shop""#);
    pub(crate) const STRICT: Key = Key::new("strict", "strict = false");
    pub(crate) const MODELS: Key = Key::new("models", r#"models = ["gpt-*", "fast"]"#);
    pub(crate) const RULE: Key = Key::new("rule", r#"rule = "latency""#);
    pub(crate) const CANDIDATES: Key = Key::new(
        "candidates",
        r#"candidates = ["deepseek/deepseek-chat", { provider = "openai", weight = 2 }]"#,
    );
    pub(crate) const FALLBACK: Key = Key::new("fallback", r#"fallback = ["local/m1"]"#);
    pub(crate) const STICKY: Key = Key::new("sticky", r#"sticky = "x-session-id""#);
    pub(crate) const RETRY: Key = Key::new("retry", "retry = { max_attempts = 3 }");
    pub(crate) const LIMITS: Key = Key::new("limits", "limits = { requests_per_second = 50 }");
    pub(crate) const BUDGETS: Key = Key::new("budgets", r#"budgets = { daily_cost = "10 USD" }"#);
    pub(crate) const HOLD: Key = Key::new("hold", r#"hold = { chunks = 16, bytes = "16KiB", time = "1s" }"#);
    pub(crate) const CONTINUATION: Key = Key::new("continuation", "continuation = true");
    pub(crate) const HEDGE: Key = Key::new("hedge", "hedge = true");
}

/// The elements of an app's `keys = [...]`, besides where the key is
pub(crate) mod app_key {
    use super::Key;

    pub(crate) const SHA256: Key =
        Key::new("sha256", r#"keys = [{ sha256 = "64 hex digits", label = "ci" }]"#);
    pub(crate) const PREFIX: Key =
        Key::new("prefix", r#"keys = [{ sha256 = "64 hex digits", prefix = "ll_ab" }]"#);
    pub(crate) const LABEL: Key = Key::new("label", r#"keys = [{ env = "CI_KEY", label = "ci" }]"#);
    pub(crate) const EXPIRES: Key =
        Key::new("expires", r#"keys = [{ env = "CI_KEY", expires = "2027-01-31" }]"#);
    pub(crate) const LIMITS: Key =
        Key::new("limits", r#"keys = [{ env = "CI_KEY", limits = { requests_per_minute = 60 } }]"#);
}

/// `retry = { ... }`
pub(crate) mod retry {
    use super::Key;

    pub(crate) const MAX_ATTEMPTS: Key = Key::new("max_attempts", "max_attempts = 3");
    pub(crate) const ATTEMPTS_PER_PROVIDER: Key =
        Key::new("attempts_per_provider", "attempts_per_provider = 2");
    pub(crate) const BACKOFF: Key = Key::new("backoff", r#"backoff = "100ms""#);
    pub(crate) const DEADLINE: Key = Key::new("deadline", r#"deadline = "300s""#);
    pub(crate) const AFTER_TIMEOUT: Key = Key::new("after_timeout", "after_timeout = false");
}

/// `hedge = { ... }`
pub(crate) mod hedge {
    use super::Key;

    pub(crate) const AFTER: Key = Key::new("after", r#"hedge = { after = "800ms" }"#);
}

/// `hold = { ... }`
pub(crate) mod hold {
    use super::Key;

    pub(crate) const CHUNKS: Key = Key::new("chunks", "hold = { chunks = 16 }");
    pub(crate) const BYTES: Key = Key::new("bytes", r#"hold = { bytes = "16KiB" }"#);
    pub(crate) const TIME: Key = Key::new("time", r#"hold = { time = "1s" }"#);
}

/// The elements of `candidates = [...]` and `fallback = [...]`
pub(crate) mod step {
    use super::Key;

    pub(crate) const PROVIDER: Key =
        Key::new("provider", r#"candidates = [{ provider = "openai", model = "gpt-4o", weight = 2 }]"#);
    pub(crate) const MODEL: Key = Key::new("model", r#"{ provider = "openai", model = "gpt-4o" }"#);
    pub(crate) const WEIGHT: Key = Key::new("weight", r#"{ provider = "openai", weight = 2 }"#);
    pub(crate) const WHEN: Key =
        Key::new("when", r#"{ provider = "openai", when = { models = ["gpt-*"], tools = true } }"#);
}

/// `when = { ... }`
pub(crate) mod when {
    use super::Key;

    pub(crate) const MODELS: Key = Key::new("models", r#"when = { models = ["claude-*"] }"#);
    pub(crate) const DIALECTS: Key = Key::new("dialects", r#"when = { dialects = ["anthropic"] }"#);
    pub(crate) const TOOLS: Key = Key::new("tools", "when = { tools = true }");
    pub(crate) const VISION: Key = Key::new("vision", "when = { vision = true }");
    pub(crate) const MIN_CONTEXT: Key = Key::new("min_context", "when = { min_context = 32000 }");
    pub(crate) const MAX_CONTEXT: Key = Key::new("max_context", "when = { max_context = 32000 }");
}

/// `[[aliases]]`
pub(crate) mod alias {
    use super::Key;

    pub(crate) const NAME: Key = Key::new("name", r#"name = "fast""#);
    pub(crate) const ENABLED: Key = Key::new("enabled", "enabled = true");
    pub(crate) const NOTE: Key = Key::new("note", r#"note = "for the editors""#);
    pub(crate) const RULE: Key = Key::new("rule", r#"rule = "weighted""#);
    pub(crate) const CANDIDATES: Key =
        Key::new("candidates", r#"candidates = ["deepseek/deepseek-chat", "openai/gpt-4o-mini"]"#);
}

/// `[log]`
pub(crate) mod log {
    use super::Key;

    pub(crate) const LEVEL: Key = Key::new("level", r#"level = "info""#);
    pub(crate) const FORMAT: Key = Key::new("format", r#"format = "json""#);
}

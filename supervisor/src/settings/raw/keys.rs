//! Every key of the configuration file, with a line that shows it in use.

use crate::settings::cursor::Key;

pub(crate) const SERVER: Key = Key::new("server", "[server]");
pub(crate) const PROVIDERS: Key = Key::new("providers", "[[providers]]");
pub(crate) const APPS: Key = Key::new("apps", "[[apps]]");
pub(crate) const ALIASES: Key = Key::new("aliases", "[[aliases]]");
pub(crate) const LOG: Key = Key::new("log", "[log]");

/// `[server]`
pub(crate) mod server {
    use super::Key;

    pub(crate) const LISTEN: Key = Key::new("listen", r#"listen = ["127.0.0.1:8080"]"#);
    pub(crate) const OPEN: Key = Key::new("open", "open = true");
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
}

/// `[[providers]]`
pub(crate) mod provider {
    use super::Key;

    pub(crate) const NAME: Key = Key::new("name", r#"name = "deepseek""#);
    pub(crate) const PRESET: Key = Key::new("preset", r#"preset = "deepseek""#);
    pub(crate) const DIALECT: Key = Key::new("dialect", r#"dialect = "openai-chat""#);
    pub(crate) const BASE_URL: Key = Key::new("base_url", r#"base_url = "https://api.example.com/v1""#);
    pub(crate) const KEY: Key = Key::new("key", r#"key = { file = "/etc/llm-link/deepseek.key" }"#);
    pub(crate) const MODELS: Key = Key::new("models", r#"models = ["deepseek-chat"]"#);
    pub(crate) const PRIORITY: Key = Key::new("priority", "priority = 0");
    pub(crate) const FALLBACK: Key = Key::new("fallback", r#"fallback = ["other-provider"]"#);
    pub(crate) const ENABLED: Key = Key::new("enabled", "enabled = true");
    pub(crate) const SANDBOX: Key = Key::new("sandbox", r#"sandbox = "best-effort""#);
    pub(crate) const MEMORY_LIMIT: Key = Key::new("memory_limit", r#"memory_limit = "1GiB""#);
    pub(crate) const FILES: Key = Key::new("files", "files = 1024");
    pub(crate) const MAX_CONCURRENT: Key = Key::new("max_concurrent", "max_concurrent = 1024");
    pub(crate) const MAX_QUEUE: Key = Key::new("max_queue", "max_queue = 1024");
    pub(crate) const POOL_IDLE: Key = Key::new("pool_idle", "pool_idle = 64");
    pub(crate) const PROXY: Key = Key::new("proxy", r#"proxy = "direct""#);
    pub(crate) const HEADERS: Key = Key::new("headers", r#"headers = { x-title = "LLM Link" }"#);
    pub(crate) const QUIRKS: Key =
        Key::new("quirks", r#"quirks = { openai-chat = { max_tokens = "max_tokens" } }"#);
    pub(crate) const TIMEOUTS: Key = Key::new("timeouts", r#"timeouts = { connect = "10s", idle = "120s" }"#);
}

/// `key = { ... }` and the elements of `keys = [...]`
pub(crate) mod key {
    use super::Key;

    pub(crate) const FILE: Key = Key::new("file", r#"{ file = "/etc/llm-link/name.key" }"#);
    pub(crate) const ENV: Key = Key::new("env", r#"{ env = "NAME_KEY" }"#);
}

/// `models = [{ ... }]`
pub(crate) mod model {
    use super::Key;

    pub(crate) const ID: Key = Key::new("id", r#"models = [{ id = "m1", context = 128000 }]"#);
    pub(crate) const CONTEXT: Key = Key::new("context", "context = 128000");
    pub(crate) const MAX_OUTPUT: Key = Key::new("max_output", "max_output = 8192");
    pub(crate) const TOOLS: Key = Key::new("tools", "tools = true");
    pub(crate) const VISION: Key = Key::new("vision", "vision = false");
    pub(crate) const REASONING: Key = Key::new("reasoning", "reasoning = false");
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

/// `[[apps]]`
pub(crate) mod app {
    use super::Key;

    pub(crate) const NAME: Key = Key::new("name", r#"name = "web""#);
    pub(crate) const KEYS: Key = Key::new("keys", r#"keys = [{ env = "WEB_KEY" }]"#);
    pub(crate) const STRICT: Key = Key::new("strict", "strict = false");
}

/// `[[aliases]]`
pub(crate) mod alias {
    use super::Key;

    pub(crate) const NAME: Key = Key::new("name", r#"name = "fast""#);
    pub(crate) const CANDIDATES: Key =
        Key::new("candidates", r#"candidates = ["deepseek/deepseek-chat", "openai/gpt-4o-mini"]"#);
}

/// `[log]`
pub(crate) mod log {
    use super::Key;

    pub(crate) const LEVEL: Key = Key::new("level", r#"level = "info""#);
    pub(crate) const FORMAT: Key = Key::new("format", r#"format = "json""#);
}

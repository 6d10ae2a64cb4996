// A system that looks lived in: twelve providers, five apps, a month of calls. Seeded: the same on every start.

let state = 20260115;
export function random() {
  state = (state * 1664525 + 1013904223) % 4294967296;
  return state / 4294967296;
}
export const pick = (list) => list[Math.floor(random() * list.length)];
export const between = (a, b) => a + random() * (b - a);

const now = Date.now();
const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;
const store = { from: 'store' };

const KINDS = {
  openai: ['OpenAI', 'https://api.openai.com/v1', ['openai-chat', 'openai-responses'], ['gpt-5.4', 'gpt-5.4-mini', 'gpt-4o', 'text-embedding-3-small']],
  anthropic: ['Anthropic', 'https://api.anthropic.com/v1', ['anthropic'], ['claude-opus-4-8', 'claude-sonnet-4-6', 'claude-haiku-4-5-20251001']],
  deepseek: ['DeepSeek', 'https://api.deepseek.com/v1', ['openai-chat'], ['deepseek-chat', 'deepseek-reasoner']],
  zhipu: ['Zhipu GLM', 'https://open.bigmodel.cn/api/paas/v4', ['openai-chat'], ['glm-5', 'glm-4.6', 'glm-4.5-air']],
  moonshot: ['Moonshot Kimi', 'https://api.moonshot.cn/v1', ['openai-chat'], ['kimi-k2-thinking', 'kimi-k2-turbo']],
  gemini: ['Google Gemini', 'https://generativelanguage.googleapis.com', ['gemini'], ['gemini-3-pro', 'gemini-3-flash']],
  ollama: ['Ollama', '', ['ollama'], ['qwen3:8b', 'llama3.3']],
  mistral: ['Mistral', 'https://api.mistral.ai/v1', ['openai-chat'], ['mistral-large', 'codestral']],
  groq: ['Groq', 'https://api.groq.com/openai/v1', ['openai-chat'], ['llama-4-maverick']],
  openrouter: ['OpenRouter', 'https://openrouter.ai/api/v1', ['openai-chat'], []],
  qwen: ['Alibaba Qwen', 'https://dashscope.aliyuncs.com/compatible-mode/v1', ['openai-chat'], ['qwen3-max']],
  minimax: ['MiniMax', 'https://api.minimax.chat/v1', ['openai-chat', 'anthropic'], ['minimax-m2']]
};

export const presets = Object.entries(KINDS).map(([id, [title, url, dialects, models]]) => ({
  id,
  title,
  endpoints: dialects.map((d) => [d, url]),
  needs_key: id !== 'ollama',
  key_env: id === 'ollama' ? null : `${id.toUpperCase()}_API_KEY`,
  models
}));

const sandbox = (level = 'full') => ({
  level,
  no_new_privs: true,
  not_dumpable: true,
  rlimits: true,
  landlock_files: true,
  landlock_net: level === 'full',
  landlock_scope: level === 'full',
  seccomp: true,
  missing: level === 'full' ? [] : ['landlock_net: this kernel is older than 6.7', 'landlock_scope: this kernel is older than 6.12']
});

export function child(state, reason, generation, extra = {}) {
  return { state, reason, since_ms: now - between(1, 90) * MIN, pid: state === 'stopped' ? null : 4000 + generation * 7, generation, restarts: 0, sandbox: sandbox(), pulse: { seq: 1, epoch: 41, in_flight: 0, loop_lag_us: 80, rss_bytes: 24 << 20, open_files: 18, calls: 900, cpu_us: 1_000_000 }, last_exit: null, ...extra };
}

function model(provider, name, extra = {}, price = null) {
  const big = /gpt-5|opus|sonnet|pro|glm-5|k2|max|large/.test(name);
  return {
    provider,
    spec: { name, model_version: null, enabled: true, facts: { context: big ? 400_000 : 128_000, max_output: big ? 64_000 : 8192, tools: !name.includes('embedding'), vision: /gpt|claude|gemini/.test(name), reasoning: /reason|think|gpt-5|opus|sonnet|pro|glm/.test(name) }, deprecated: false, sunset_ms: null, alternatives: [], ...extra },
    source: { from: 'preset' },
    version: Object.keys(extra).length ? 2 : 0,
    price: price && { id: 1, spec: { since_ms: now - 90 * DAY, currency: 'USD', input_fresh: price[0] * 1e6, cache_read: price[0] * 1e5, cache_write: null, output: price[1] * 1e6 } },
    prices: price ? [{ id: 1, spec: { since_ms: now - 90 * DAY, currency: 'USD', input_fresh: price[0] * 1e6, cache_read: price[0] * 1e5, cache_write: null, output: price[1] * 1e6 } }] : [],
    used_by: []
  };
}

const PRICES = { 'gpt-5.4': [1.25, 10], 'gpt-5.4-mini': [0.25, 2], 'gpt-4o': [2.5, 10], 'claude-opus-4-8': [5, 25], 'claude-sonnet-4-6': [3, 15], 'claude-haiku-4-5-20251001': [1, 5], 'deepseek-chat': [0.28, 0.42], 'glm-5': [0.6, 2.2] };

const exit = { at_ms: now - 11 * MIN, cause: 'signal SIGKILL: out of memory', stderr: ['2026-01-15T08:12:03Z  WARN worker: resident memory 255 MiB of 256 MiB', '2026-01-15T08:12:04Z ERROR worker: allocation of 4194304 bytes failed'] };

function provider(name, preset, state, extra = {}) {
  const [, url, dialects, models] = KINDS[preset];
  const generation = extra.generation ?? Math.ceil(between(1, 6));
  return {
    spec: { name, preset, dialect: null, base_url: extra.base_url ?? null, endpoints: {}, enabled: state !== 'stopped', priority: extra.priority ?? 0, fallback: [], limits: { memory_bytes: 256 << 20, max_concurrent: 64 }, timeouts: {}, sandbox: null, proxy: null, headers: {}, quirks: {} },
    version: extra.file ? 0 : 3,
    source: extra.file ? { from: 'file', at: '/etc/llm-link/llm-link.toml:12' } : store,
    endpoints: dialects.map((d) => [d, extra.base_url ?? url]),
    keys: preset === 'ollama' ? [] : [{ id: extra.file ? 0 : 1, label: 'default', tail: pick(['9fQ2', 'a81c', 'Zz04']), kept: extra.file ? 'file /etc/llm-link/openai.key' : 'sealed', enabled: true, state: extra.key ?? 'good', cooldown_until_ms: null, failures: extra.key === 'rejected' ? 14 : 0, last_used_ms: now - between(1, 50) * 1000, version: 1 }],
    models: models.map((m) => model(name, m, m === 'gpt-4o' ? { deprecated: true, sunset_ms: now + 46 * DAY, alternatives: ['gpt-5.4-mini'] } : {}, PRICES[m] ?? null)),
    status: { name, preset, state, reason: extra.reason ?? 'answers pings', since_ms: now - between(2, 400) * MIN, pid: state === 'stopped' || state === 'failed' ? null : 4100 + generation, generation, restarts: extra.restarts ?? 0, sandbox: extra.sandbox ?? 'full', change: null, current: state === 'stopped' || state === 'failed' ? null : child(state, '', generation, { sandbox: sandbox(extra.sandbox ?? 'full') }), successor: null, retiring: [], last_exit: extra.exit ?? null },
    created_ms: now - 60 * DAY,
    updated_ms: now - 3 * DAY
  };
}

export const providers = [
  provider('openai', 'openai', 'ready', { priority: 0 }),
  provider('anthropic', 'anthropic', 'ready', { priority: 0 }),
  provider('deepseek', 'deepseek', 'ready', { priority: 10 }),
  provider('zhipu', 'zhipu', 'ready', { priority: 10, sandbox: 'partial' }),
  provider('moonshot', 'moonshot', 'degraded', { priority: 20, reason: 'missed 2 of the last 5 pings: its event loop was 740 ms late', restarts: 1 }),
  provider('gemini', 'gemini', 'ready', { priority: 20, key: 'rejected' }),
  provider('ollama-local', 'ollama', 'ready', { priority: 30, base_url: 'http://127.0.0.1:11434', file: true }),
  provider('mistral', 'mistral', 'backoff', { priority: 30, reason: 'ended 3 times in 20 s (out of memory); starts again in 4 s', restarts: 3, exit }),
  provider('groq', 'groq', 'draining', { priority: 40, reason: 'drained by ada: 3 calls left' }),
  provider('openrouter', 'openrouter', 'stopped', { priority: 90, reason: 'disabled by ada' }),
  provider('qwen', 'qwen', 'failed', { priority: 90, reason: 'ended 6 times in 30 s with exit code 78: the key file /etc/llm-link/qwen.key cannot be read; tried again in 4 min', restarts: 6, exit: { at_ms: now - 2 * MIN, cause: 'exit code 78', stderr: ['ERROR worker: the key file /etc/llm-link/qwen.key cannot be read: permission denied'] } }),
  provider('minimax', 'minimax', 'ready', { priority: 50 })
];

const key = (id, label, extra = {}) => ({ id, label, prefix: `llk_${pick(['a8Qe', 'Zk3r', 'mP0x'])}`, created_ms: now - 40 * DAY, expires_ms: null, revoked_ms: null, last_used_ms: now - 5 * MIN, ...extra });
const app = (name, note, extra = {}) => ({
  spec: { name, enabled: true, strict: false, note, limits: {}, models: [], ...extra.spec },
  source: extra.source ?? store,
  version: 2,
  route: extra.route ?? null,
  route_version: extra.route ? 4 : 0,
  keys: extra.keys ?? [key(1, 'default')],
  levels: extra.levels ?? [],
  created_ms: now - 60 * DAY,
  updated_ms: now - DAY
});

export const apps = [
  app('default', 'Whoever calls without a key on this machine', { source: { from: 'embedded' }, keys: [] }),
  app('coding', 'Claude Code and Codex of the team', {
    route: { rule: 'weighted', candidates: [{ provider: 'anthropic', model: null, weight: 3, when: {} }, { provider: 'openai', model: 'gpt-5.4', weight: 1, when: {} }], fallback: [{ provider: 'deepseek', model: 'deepseek-chat', weight: 1, when: {} }, { provider: 'zhipu', model: 'glm-5', weight: 1, when: {} }], retry: { max_attempts: 3 }, sticky_header: 'x-session-id', hedge: { enabled: false, after_ms: null }, continuation: false, hold: { chunks: 0, bytes: 0, ms: 0 } },
    keys: [key(2, 'laptop of ada'), key(3, 'CI', { expires_ms: now + 5 * DAY }), key(4, 'old laptop', { revoked_ms: now - 20 * DAY })],
    spec: { limits: { requests_per_minute: 600, tokens_per_minute: 2_000_000, concurrent: 40, cost_per_day_nano: 50e9 } },
    levels: [{ limit: 'requests_per_minute', used: 212, of: 600, resets_in_ms: 31_000 }, { limit: 'tokens_per_minute', used: 1_910_000, of: 2_000_000, resets_in_ms: 12_000 }, { limit: 'concurrent', used: 7, of: 40, resets_in_ms: 0 }, { limit: 'cost_per_day_nano', used: 50.2e9, of: 50e9, resets_in_ms: 7 * HOUR }]
  }),
  app('support-bot', 'Answers tickets; owner: Wei', { spec: { strict: true, models: ['gpt-5.4-mini', 'claude-*'] } }),
  app('batch', 'Nightly summaries', { spec: { enabled: false } }),
  app('evaluation', '')
];

export const aliases = [
  { spec: { name: 'fast', enabled: true, note: 'for everything interactive', candidates: [{ provider: 'openai', model: 'gpt-5.4-mini', weight: 1 }, { provider: 'groq', model: 'llama-4-maverick', weight: 1 }] }, source: store, version: 1 },
  { spec: { name: 'best', enabled: true, note: '', candidates: [{ provider: 'anthropic', model: 'claude-opus-4-8', weight: 1 }] }, source: store, version: 1 },
  { spec: { name: 'gpt-4', enabled: false, note: 'old clients', candidates: [{ provider: 'openai', model: 'gpt-5.4-mini', weight: 1 }] }, source: { from: 'file', at: '/etc/llm-link/llm-link.toml:40' }, version: 0 }
];
providers[0].models[0].used_by = ['coding'];
providers[1].models[1].used_by = ['coding', 'support-bot'];

export const users = [
  { spec: { name: 'ada', permissions: ['ViewProviders', 'EditProviders', 'ViewMetrics', 'SystemConfig'], enabled: true }, version: 1, failed_logins: 0, locked_until_ms: null, last_login_ms: now - 5 * MIN, created_ms: now - 60 * DAY },
  { spec: { name: 'wei', permissions: ['ViewProviders', 'ViewMetrics'], enabled: true }, version: 1, failed_logins: 0, locked_until_ms: null, last_login_ms: now - 3 * DAY, created_ms: now - 30 * DAY },
  { spec: { name: 'guest', permissions: ['ViewProviders'], enabled: false }, version: 1, failed_logins: 5, locked_until_ms: now + 10 * MIN, last_login_ms: null, created_ms: now - 10 * DAY }
];

const EVENTS = [
  ['warning', 'worker.exited', 'mistral', 'worker of generation 4 ended: out of memory (256 MiB); a new one starts in 4 s', null],
  ['critical', 'worker.failed', 'qwen', 'ended 6 times in 30 s with exit code 78; the next try is in 5 min', null],
  ['warning', 'breaker.opened', 'gemini', 'breaker of gemini-3-pro opened for 30 s after 5 failures in a row (provider refused the key)', null],
  ['info', 'worker.draining', 'groq', 'drained: new calls go elsewhere', 'ada'],
  ['info', 'config.changed', 'config', 'epoch 41: route of app coding changed', 'ada'],
  ['info', 'worker.ready', 'anthropic', 'generation 3 took over; generation 2 finished its 12 calls', null],
  ['info', 'provider.disabled', 'openrouter', 'disabled', 'ada'],
  ['warning', 'worker.degraded', 'moonshot', 'missed 2 pings in a row: its event loop was 740 ms late', null]
];
export const events = EVENTS.map(([severity, kind, subject, message, actor], i) => ({ id: 900 - i, at: now - (i * 6.3 + 1.5) * MIN, severity, kind, subject, generation: 4, message, actor, detail: {} }));

const MODELS = [['anthropic', 'claude-sonnet-4-6', 'anthropic'], ['openai', 'gpt-5.4', 'openai-chat'], ['openai', 'gpt-5.4-mini', 'openai-responses'], ['deepseek', 'deepseek-chat', 'openai-chat'], ['zhipu', 'glm-5', 'anthropic'], ['ollama-local', 'qwen3:8b', 'ollama']];
let number = 0;
export function call(at = Date.now()) {
  const [provider, modelName, dialect] = pick(MODELS);
  const failed = random() < 0.035;
  const failure = failed ? pick(['Upstream', 'RateLimited', 'Timeout', 'Cancelled', 'InvalidRequest']) : null;
  const upstream = Math.round(between(400_000, 6_000_000));
  const ours = Math.round(between(120, 900));
  number += 1;
  return {
    id: `0199${at.toString(16).padStart(12, '0').slice(-8)}-${(number + 4096).toString(16).padStart(4, '0')}-7c3a-9d11-${(0xabcdef000000 + number).toString(16)}`.replace(/^(.{8})(.{4})/, '$1-$2').slice(0, 36),
    at,
    app: pick(['coding', 'coding', 'support-bot', 'default', 'evaluation']),
    provider: failure === 'InvalidRequest' ? null : provider,
    model: random() < 0.2 ? 'fast' : modelName,
    upstream_model: modelName,
    dialect,
    operation: 'chat',
    status: failure ? { Upstream: 502, RateLimited: 429, Timeout: 504, Cancelled: 499, InvalidRequest: 400 }[failure] : 200,
    failure,
    attempts: failed ? 2 : random() < 0.06 ? 2 : 1,
    stream: random() < 0.8,
    request_bytes: Math.round(between(800, 180_000)),
    usage: { input_fresh: Math.round(between(200, 9000)), cache_read: random() < 0.5 ? Math.round(between(1000, 40_000)) : null, cache_write: null, output: failed ? null : Math.round(between(20, 2400)), reasoning: null },
    usage_source: random() < 0.9 ? 'Reported' : 'Estimated',
    cost_nano: Math.round(between(2e5, 9e7)),
    currency: 'USD',
    timings: { queue_us: 12, ipc_us: Math.round(between(40, 160)), connect_us: random() < 0.3 ? 31_000 : null, first_byte_us: Math.round(upstream * 0.2), first_token_us: failed ? null : Math.round(upstream * 0.24), upstream_us: upstream, total_us: upstream + ours }
  };
}
export const calls = Array.from({ length: 260 }, (_, i) => call(now - i * 7300 - 2000));

export function trace(c) {
  const first = `${c.provider ?? 'openai'}/${c.upstream_model}`;
  const retried = c.attempts > 1;
  return {
    rule: 'weighted',
    candidates: retried ? ['openai/gpt-5.4', first, 'deepseek/deepseek-chat'] : [first, 'deepseek/deepseek-chat', 'zhipu/glm-5'],
    excluded: [{ candidate: 'zhipu/glm-5', reason: 'breaker open for 12 s more: 5 failures in a row' }],
    attempts: [
      ...(retried ? [{ candidate: 'openai/gpt-5.4', began_us: 140, took_us: Math.round(c.timings.total_us * 0.2), queue_us: 0, connect_us: null, first_byte_us: null, first_token_us: null, failure: 'Overloaded', message: 'HTTP 529: {"error":{"type":"overloaded_error","message":"Overloaded"}}' }] : []),
      { candidate: first, began_us: retried ? Math.round(c.timings.total_us * 0.21) : 130, took_us: Math.round(c.timings.total_us * (retried ? 0.78 : 0.99)), queue_us: 0, connect_us: c.timings.connect_us, first_byte_us: c.timings.first_byte_us, first_token_us: c.timings.first_token_us, failure: c.failure, message: c.failure ? 'upstream connect error or disconnect before headers' : null }
    ],
    committed_us: c.failure ? null : c.timings.first_token_us,
    losses: c.dialect === 'anthropic' ? ['thinking.budget_tokens: openai-chat knows levels only; sent as reasoning_effort=high'] : [],
    stop_reason: c.failure ? null : 'end_turn',
    notes: retried ? ['moved on before the commit point: the client saw nothing of it'] : []
  };
}

function meter(callCount, failRate) {
  const failed = Math.round(callCount * failRate);
  return {
    calls: callCount,
    failed,
    streams: Math.round(callCount * 0.8),
    attempts: Math.round(callCount * 1.04),
    usage: { input_fresh: callCount * 4200, cache_read: callCount * 9100, cache_write: null, output: callCount * 640, reasoning: callCount * 110 },
    unmeasured: 0,
    estimated: Math.round(callCount * 0.08),
    cost_nano: callCount ? { USD: callCount * 7.1e6 } : {},
    unpriced: Math.round(callCount * 0.02),
    failures: failed ? { RateLimited: Math.ceil(failed * 0.5), Upstream: Math.ceil(failed * 0.3), Timeout: Math.floor(failed * 0.2) } : {},
    latency: { p50_us: 1_720_000, p95_us: 6_400_000, p99_us: 11_900_000 },
    first_token: { p50_us: 410_000, p95_us: 1_300_000, p99_us: 3_100_000 },
    overhead: { p50_us: 212, p95_us: 640, p99_us: 1900 }
  };
}

export function report(query) {
  const range = { '1h': [HOUR, 60], '24h': [DAY, 3600], '7d': [7 * DAY, 3600], '30d': [30 * DAY, 86_400] }[query.get('range') ?? '24h'] ?? [DAY, 3600];
  const [length, slotS] = range;
  const step = slotS * 1000;
  const until = Math.floor(Date.now() / step) * step + step;
  const since = until - length;
  const slot = (start, scale, salt) => {
    const wave = 1 + 0.6 * Math.sin((start / HOUR / 24) * 2 * Math.PI) + 0.25 * Math.sin(start / step / 3 + salt);
    const n = Math.max(0, Math.round(scale * wave * (slotS / 60)));
    const bad = (Math.floor(start / step) + salt) % 17 === 0 ? 0.3 : (Math.floor(start / step) + salt) % 29 === 0 ? 0.8 : 0.01;
    return { start_ms: start, calls: n, failed: n < 20 && bad === 0.01 ? 0 : Math.round(n * bad), tokens_in: n * 13_000, tokens_out: n * 640, latency_p50_us: n ? 1_500_000 + 300_000 * Math.sin(start / step / 5) : null, latency_p95_us: n ? 5_800_000 + 1_500_000 * Math.sin(start / step / 4) : null, overhead_p95_us: n ? 600 + 120 * Math.sin(start / step / 2) : null };
  };
  const groupNames = { provider: providers.map((p) => p.spec.name), app: apps.map((a) => a.spec.name), model: MODELS.map((m) => m[1]) }[query.get('by') ?? 'provider'];
  const only = query.get(query.get('by') ?? 'provider');
  const names = only ? [only] : groupNames;
  const series_by_group = {};
  const groups = {};
  names.forEach((name, salt) => {
    const idle = ['openrouter', 'qwen', 'batch'].includes(name);
    const slots = Array.from({ length: length / step }, (_, i) => slot(since + i * step, idle ? 0 : 14 / (salt + 1), salt));
    if (salt < 10) series_by_group[name] = slots;
    groups[name] = meter(slots.reduce((s, x) => s + x.calls, 0), slots.reduce((s, x) => s + x.failed, 0) / Math.max(1, slots.reduce((s, x) => s + x.calls, 0)));
  });
  const series = Array.from({ length: length / step }, (_, i) => {
    const all = Object.values(series_by_group).map((g) => g[i]);
    const sum = (f) => all.reduce((s, x) => s + x[f], 0);
    return { ...slot(since + i * step, 10, 1), calls: sum('calls'), failed: sum('failed'), tokens_in: sum('tokens_in'), tokens_out: sum('tokens_out') };
  });
  const total = series.reduce((s, x) => s + x.calls, 0);
  const failed = series.reduce((s, x) => s + x.failed, 0);
  return { since_ms: since, until_ms: until, slot_s: slotS, total: meter(total, failed / Math.max(1, total)), before: meter(Math.round(total * 0.88), 0.021), groups, series, series_by_group };
}

const TEXTS = [['info', 'router', 'listening on 127.0.0.1:8080'], ['info', 'supervisor', 'epoch 41 is in force everywhere'], ['info', 'anthropic', 'ready: sandbox full'], ['warn', 'mistral', 'resident memory 251 MiB of 256 MiB'], ['error', 'qwen', 'the key file /etc/llm-link/qwen.key cannot be read: permission denied'], ['info', 'router', 'call answered by anthropic/claude-sonnet-4-6 in 1.92 s, 2 attempts'], ['debug', 'openai', 'connection to api.openai.com reused']];
let seq = 4000;
export function line(at = Date.now()) {
  const [level, process, text] = pick(TEXTS);
  return { seq: seq++, at, process, generation: 3, level, text, call: text.startsWith('call') ? calls[3].id : null };
}
export const logs = Array.from({ length: 120 }, (_, i) => line(now - (120 - i) * 900));

export const audit = [
  ['ada', 'update', 'route', 'coding', { rule: 'priority' }, { rule: 'weighted' }],
  ['ada', 'update', 'provider', 'groq', { priority: 30 }, { priority: 40 }],
  ['ada', 'create', 'app_key', 'coding', null, { label: 'CI', expires_ms: now + 5 * DAY }],
  ['ada', 'delete', 'provider', 'together', { preset: 'together' }, null],
  ['wei', 'login', 'session', 'wei', null, null]
].map(([actor, verb, object, name, before, after], i) => ({ id: 300 - i, at: now - i * 47 * MIN, epoch: 41 - i, actor_kind: 'user', actor, origin: '127.0.0.1', verb, object, object_id: '7', name, before, after }));

/**
 * The shapes of the admin API, as `protocol/src/control` writes them. A test compares them with the served OpenAPI document, which is
 * one: so is this file, however long.
 */

export type Dialect = 'openai-chat' | 'openai-responses' | 'anthropic' | 'ollama' | 'gemini';
export const DIALECTS: Dialect[] = ['openai-chat', 'openai-responses', 'anthropic', 'ollama', 'gemini'];
export type Operation = 'chat' | 'complete' | 'embed' | 'count-tokens' | 'raw';
export type WorkerState = 'starting' | 'ready' | 'degraded' | 'draining' | 'stopped' | 'backoff' | 'failed';
export type Permission = 'ViewProviders' | 'EditProviders' | 'ViewMetrics' | 'SystemConfig';
export const PERMISSIONS: Permission[] = ['ViewProviders', 'EditProviders', 'ViewMetrics', 'SystemConfig'];
export type SandboxLevel = 'none' | 'partial' | 'full';
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type Source =
  | { from: 'file' | 'environment'; at: string }
  | { from: 'command-line' | 'store' | 'preset' | 'discovered' | 'embedded' | 'default' };

// --- answers
export interface List<T> {
  items: T[];
  next: string | null;
}
export interface Pending {
  process: string;
  reason: string;
}
export type Now =
  | { what: 'provider'; is: ProviderView }
  | { what: 'model'; is: ModelView }
  | { what: 'alias'; is: AliasView }
  | { what: 'app'; is: AppView }
  | { what: 'app-key'; is: AppKeyMade }
  | { what: 'user'; is: UserView }
  | { what: 'differences'; is: Difference[] };
export interface Changed {
  epoch: number;
  pending: Pending[];
  now: Now | null;
}

// --- people
export interface Person {
  name: string;
  permissions: Permission[];
  session: string | null;
}
export interface Grant {
  person: Person;
  access_expires_ms: number;
  refresh_expires_ms: number;
}
export interface UserSpec {
  name: string;
  permissions: Permission[];
  enabled: boolean;
}
export interface UserView {
  spec: UserSpec;
  version: number;
  failed_logins: number;
  locked_until_ms: number | null;
  last_login_ms: number | null;
  created_ms: number;
}
export interface SessionView {
  id: string;
  user: string;
  agent: string;
  address: string;
  created_ms: number;
  seen_ms: number;
  expires_ms: number;
  current: boolean;
}

// --- processes
export interface ExitReport {
  at_ms: number;
  cause: string;
  stderr: string[];
}
export interface SandboxReport {
  level: SandboxLevel;
  no_new_privs: boolean;
  not_dumpable: boolean;
  rlimits: boolean;
  landlock_files: boolean;
  landlock_net: boolean;
  landlock_scope: boolean;
  seccomp: boolean;
  missing: string[];
}
export interface Pulse {
  seq: number;
  epoch: number;
  in_flight: number;
  loop_lag_us: number;
  rss_bytes: number;
  open_files: number;
  calls: number;
  cpu_us: number;
}
export interface ChildStatus {
  state: WorkerState;
  reason: string;
  since_ms: number;
  pid: number | null;
  generation: number;
  restarts: number;
  sandbox: SandboxReport | null;
  pulse: Pulse | null;
  last_exit: ExitReport | null;
  /** 0 = no limit. */
  memory_limit_bytes: number;
}
export interface ProviderStatus {
  name: string;
  preset: string;
  state: WorkerState;
  reason: string;
  since_ms: number;
  pid: number | null;
  generation: number;
  restarts: number;
  sandbox: SandboxLevel | null;
  change: string | null;
  current: ChildStatus | null;
  successor: ChildStatus | null;
  retiring: ChildStatus[];
  last_exit: ExitReport | null;
}
export interface SystemStatus {
  version: string;
  pid: number;
  started_ms: number;
  epoch: number;
  config: string;
  reload_error: string | null;
  listeners: { address: string; open: boolean }[];
  router: ChildStatus;
  providers: ProviderStatus[];
}

// --- providers
export interface ProviderLimits {
  memory_bytes?: number | null;
  files?: number | null;
  max_concurrent?: number | null;
  max_queue?: number | null;
  queue_wait_ms?: number | null;
  pool_idle?: number | null;
  requests_per_second?: number | null;
  requests_per_minute?: number | null;
  tokens_per_minute?: number | null;
}
export interface ProviderTimeouts {
  connect_ms?: number | null;
  first_token_ms?: number | null;
  idle_ms?: number | null;
  total_ms?: number | null;
  total_stream_ms?: number | null;
}
export type SandboxMode = 'best-effort' | 'required' | 'off';
export type ProxyRule = 'direct' | 'environment' | { url: string };
export interface ProviderSpec {
  name: string;
  preset: string;
  dialect?: Dialect | null;
  base_url?: string | null;
  endpoints?: Partial<Record<Dialect, string>>;
  enabled?: boolean;
  priority?: number;
  fallback?: string[];
  limits?: ProviderLimits;
  timeouts?: ProviderTimeouts;
  sandbox?: SandboxMode | null;
  proxy?: ProxyRule | null;
  proxy_login?: SecretValue | null;
  headers?: Record<string, string>;
  secret_headers?: Record<string, SecretValue>;
  quirks?: Record<string, Json>;
}
/** `kept` = as it is stored; a text never comes back. */
export type SecretValue = 'kept' | { text: string } | { file: string } | { env: string };
export type KeyValue = { text: string } | { file: string } | { env: string };
export interface KeyView {
  id: number;
  label: string;
  tail: string;
  kept: string;
  enabled: boolean;
  state: string;
  cooldown_until_ms: number | null;
  failures: number;
  last_used_ms: number | null;
  version: number;
}
export interface ProviderView {
  spec: ProviderSpec;
  version: number;
  source: Source;
  endpoints: [Dialect, string][];
  keys: KeyView[];
  models: ModelView[];
  status: ProviderStatus | null;
  created_ms: number | null;
  updated_ms: number | null;
}
export interface PresetView {
  id: string;
  title: string;
  endpoints: [Dialect, string][];
  needs_key: boolean;
  key_env: string | null;
  models: string[];
  /** Something on this machine listens where it is expected. */
  found: boolean;
}
export interface TestStep {
  name: string;
  ok: boolean;
  took_us: number;
  detail: string;
  status: number | null;
}
export interface TestReport {
  ok: boolean;
  steps: TestStep[];
  models: string[];
}

// --- models
export interface ModelFacts {
  context?: number | null;
  max_output?: number | null;
  tools?: boolean | null;
  vision?: boolean | null;
  reasoning?: boolean | null;
  prefill?: boolean | null;
}
export interface ModelSpec {
  name: string;
  model_version?: string | null;
  enabled?: boolean;
  facts?: ModelFacts;
  deprecated?: boolean;
  sunset_ms?: number | null;
  alternatives?: string[];
}
export interface PriceSpec {
  since_ms: number;
  currency: string;
  input_fresh?: number | null;
  cache_read?: number | null;
  cache_write?: number | null;
  output?: number | null;
}
export interface PriceView {
  id: number;
  spec: PriceSpec;
}
export interface ModelView {
  provider: string;
  spec: ModelSpec;
  source: Source;
  version: number;
  price: PriceView | null;
  prices: PriceView[];
  used_by: string[];
}
export interface AliasCandidate {
  provider: string;
  model: string;
  weight?: number;
}
export interface AliasSpec {
  name: string;
  enabled?: boolean;
  note?: string;
  candidates: AliasCandidate[];
}
export interface AliasView {
  spec: AliasSpec;
  source: Source;
  version: number;
}

// --- apps
export interface AppLimits {
  requests_per_second?: number | null;
  requests_per_minute?: number | null;
  tokens_per_minute?: number | null;
  concurrent?: number | null;
  queue?: number | null;
  queue_wait_ms?: number | null;
  tokens_per_day?: number | null;
  tokens_per_month?: number | null;
  cost_per_day_nano?: number | null;
  cost_per_month_nano?: number | null;
}
export interface AppSpec {
  name: string;
  enabled?: boolean;
  strict?: boolean;
  note?: string;
  limits?: AppLimits;
  models?: string[];
}
export interface AppKeyView {
  id: number;
  label: string;
  prefix: string;
  created_ms: number | null;
  expires_ms: number | null;
  revoked_ms: number | null;
  last_used_ms: number | null;
}
export interface AppKeyMade {
  app: string;
  view: AppKeyView;
  key: string;
}
export interface LimitLevel {
  limit: string;
  used: number;
  of: number;
  resets_in_ms: number;
}
export interface AppView {
  spec: AppSpec;
  source: Source;
  version: number;
  route: RouteSpec | null;
  route_version: number;
  keys: AppKeyView[];
  levels: LimitLevel[];
  created_ms: number | null;
  updated_ms: number | null;
}

// --- routes
export type Rule = 'priority' | 'round_robin' | 'weighted' | 'least_connections' | 'latency';
export const RULES: Rule[] = ['priority', 'round_robin', 'weighted', 'least_connections', 'latency'];
export interface Condition {
  model?: string | null;
  dialect?: Dialect | null;
  needs_tools?: boolean | null;
  needs_vision?: boolean | null;
  min_context?: number | null;
  max_context?: number | null;
}
export interface Step {
  provider: string;
  model?: string | null;
  weight?: number;
  when?: Condition;
}
export interface RetryRule {
  max_attempts?: number | null;
  attempts_per_provider?: number | null;
  backoff_ms?: number | null;
  deadline_ms?: number | null;
  on_timeout?: boolean | null;
}
export interface RouteSpec {
  rule?: Rule;
  candidates?: Step[];
  fallback?: Step[];
  retry?: RetryRule;
  sticky_header?: string | null;
  hedge?: { enabled?: boolean; after_ms?: number | null };
  continuation?: boolean;
  hold?: { chunks?: number; bytes?: number; ms?: number };
}
export interface DryRun {
  app: string;
  model: string;
  dialect?: Dialect | null;
  needs_tools?: boolean;
  needs_vision?: boolean;
  input_tokens?: number | null;
  sticky?: string | null;
}
export interface PlannedStep {
  provider: string;
  model: string;
  dialect: Dialect | null;
  reason: string;
}
export interface DryRunReport {
  verdict: string;
  plan: PlannedStep[];
  excluded: { provider: string; model: string; reason: string }[];
  refusal: string | null;
}

// --- record
export interface Usage {
  input_fresh: number | null;
  cache_read: number | null;
  cache_write: number | null;
  output: number | null;
  reasoning: number | null;
}
export interface CallTimings {
  queue_us: number | null;
  ipc_us: number | null;
  connect_us: number | null;
  first_byte_us: number | null;
  first_token_us: number | null;
  upstream_us: number | null;
  total_us: number;
}
export interface CallSummary {
  id: string;
  at: number;
  app: string;
  provider: string | null;
  model: string;
  upstream_model: string | null;
  dialect: Dialect;
  operation: Operation;
  status: number;
  failure: string | null;
  attempts: number;
  stream: boolean;
  request_bytes: number;
  usage: Usage;
  usage_source: 'Reported' | 'Estimated' | null;
  cost_nano: number | null;
  currency: string | null;
  timings: CallTimings;
}
export interface TraceAttempt {
  candidate: string;
  began_us: number;
  took_us: number;
  queue_us: number | null;
  connect_us: number | null;
  first_byte_us: number | null;
  first_token_us: number | null;
  failure: string | null;
  message: string | null;
  usage?: Usage;
  usage_source?: 'Estimated';
}
export interface CallTrace {
  key: string | null;
  rule: string | null;
  candidates: string[];
  excluded: { candidate: string; reason: string }[];
  attempts: TraceAttempt[];
  committed_us: number | null;
  losses: string[];
  stop_reason: string | null;
  notes: string[];
}
export interface CallDetail {
  call: CallSummary;
  trace: CallTrace | null;
}
export interface EventView {
  id: number;
  at: number;
  severity: string;
  kind: string;
  subject: string;
  generation: number | null;
  message: string;
  actor: string | null;
  detail: Json;
}
export interface LogLine {
  seq: number;
  at: number;
  process: string;
  generation: number | null;
  level: string;
  text: string;
  call: string | null;
}
export interface AuditEntry {
  id: number;
  at: number;
  epoch: number | null;
  actor_kind: string;
  actor: string;
  origin: string;
  verb: string;
  object: string;
  object_id: string;
  name: string;
  before: Json;
  after: Json;
}

// --- meter
export type MeterGroup = 'provider' | 'app' | 'model';
export interface Percentiles {
  p50_us: number | null;
  p95_us: number | null;
  p99_us: number | null;
}
export interface Meter {
  calls: number;
  failed: number;
  streams: number;
  attempts: number;
  usage: Usage;
  unmeasured: number;
  estimated: number;
  cost_nano: Record<string, number>;
  unpriced: number;
  failures: Record<string, number>;
  latency: Percentiles;
  first_token: Percentiles;
  overhead: Percentiles;
}
export interface MeterSlot {
  start_ms: number;
  calls: number;
  failed: number;
  tokens_in: number;
  tokens_out: number;
  latency_p50_us: number | null;
  latency_p95_us: number | null;
  overhead_p95_us: number | null;
}
export interface MeterReport {
  since_ms: number;
  until_ms: number;
  slot_s: number;
  total: Meter;
  before: Meter;
  groups: Record<string, Meter>;
  series: MeterSlot[];
  series_by_group: Record<string, MeterSlot[]>;
}

// --- live
export interface LiveMeter {
  in_flight: number;
  queued: number;
  calls_per_s: number;
  errors_per_s: number;
  tokens_per_s: number;
  latency_p50_us: number | null;
  latency_p95_us: number | null;
  first_token_p95_us: number | null;
  overhead_p95_us: number | null;
}
export interface LiveProcess {
  pid: number | null;
  generation: number;
  rss_bytes: number;
  memory_limit_bytes: number;
  cpu_percent: number;
  open_files: number;
  loop_lag_us: number;
}
export interface BreakerView {
  model: string;
  state: string;
  reason: string;
  since_ms: number;
  until_ms: number | null;
}
export interface LiveProvider {
  state: WorkerState;
  reason: string;
  since_ms: number;
  meter: LiveMeter;
  process: LiveProcess;
  restarts: number;
  breakers: BreakerView[];
}
export interface LiveTick {
  seq: number;
  at: number;
  epoch: number;
  total: LiveMeter;
  providers: Record<string, LiveProvider>;
  router: LiveProcess;
  supervisor: LiveProcess;
}
export type LiveFrame =
  | ({ kind: 'tick' } & LiveTick)
  | { kind: 'event'; seq: number; at: number; event: EventView }
  | { kind: 'call'; seq: number; at: number; call: CallSummary }
  | { kind: 'gap'; seq: number; at: number };

// --- configuration as a whole
export interface Difference {
  verb: 'create' | 'update' | 'delete';
  object: string;
  name: string;
  fields: [string, Json, Json][];
}
export interface EffectiveValue {
  path: string;
  value: Json;
  source: Source;
  hidden: Json;
}
export type ConfigDocument = { [key: string]: Json };

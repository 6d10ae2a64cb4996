// A make-believe LLM Link for work on the console: `npm run fake`, then `npm run dev`; it also serves dist/ itself.
// User ada, password "make-believe-1". Nothing of it is in the product.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import * as seed from './seed.mjs';

const port = Number(process.env.PORT ?? 4800);
const dist = join(new URL('..', import.meta.url).pathname, 'dist');
const PASSWORD = 'make-believe-1';
let epoch = 41;
let seq = 1;
const sockets = new Set();
const streams = new Set();
const keep = (x) => structuredClone(x);

const problem = (status, kind, detail, errors = []) => ({ status, body: { type: 'about:blank', title: kind, status, detail, kind, errors } });
const list = (items, next = null) => ({ status: 200, body: { items, next } });
const ok = (body, status = 200) => ({ status, body });
const changed = (what, is) => {
  epoch += 1;
  return ok({ epoch, pending: [], now: is ? { what, is } : null });
};

function event(subject, kind, message, actor = 'ada', severity = 'info') {
  const made = { id: 1000 + seq, at: Date.now(), severity, kind, subject, generation: 1, message, actor, detail: {} };
  seed.events.unshift(made);
  send({ kind: 'event', seq: seq++, at: made.at, event: made });
}

function live(p) {
  const on = ['ready', 'degraded', 'draining'].includes(p.status.state);
  const busy = on && p.status.state !== 'draining' ? seed.between(0.4, 9) : 0;
  return {
    state: p.status.state,
    reason: p.status.reason,
    since_ms: p.status.since_ms,
    meter: { in_flight: p.status.state === 'draining' ? 3 : Math.round(busy), queued: 0, calls_per_s: busy, errors_per_s: busy * 0.01, tokens_per_s: busy * 400, latency_p50_us: on ? 1_600_000 : null, latency_p95_us: on ? Math.round(seed.between(4e6, 7e6)) : null, first_token_p95_us: on ? 900_000 : null, overhead_p95_us: on ? 610 : null },
    process: { pid: p.status.pid, generation: p.status.generation, rss_bytes: on ? Math.round(seed.between(18, 60) * 2 ** 20) : 0, memory_limit_bytes: 256 << 20, cpu_percent: busy, open_files: 20, loop_lag_us: 70 },
    restarts: p.status.restarts,
    breakers: p.spec.name === 'gemini' ? [{ model: 'gemini-3-pro', state: 'open', reason: '5 failures in a row: the provider refused the key', since_ms: Date.now() - 12_000, until_ms: Date.now() + 18_000 }] : []
  };
}

function tick() {
  const providers = Object.fromEntries(seed.providers.map((p) => [p.spec.name, live(p)]));
  const sum = (f) => Object.values(providers).reduce((s, p) => s + p.meter[f], 0);
  const proc = (pid, rss) => ({ pid, generation: 2, rss_bytes: rss << 20, memory_limit_bytes: 0, cpu_percent: 3.1, open_files: 64, loop_lag_us: 60 });
  send({ kind: 'tick', seq: seq++, at: Date.now(), epoch, total: { in_flight: sum('in_flight'), queued: 0, calls_per_s: sum('calls_per_s'), errors_per_s: sum('errors_per_s'), tokens_per_s: sum('tokens_per_s'), latency_p50_us: 1_650_000, latency_p95_us: 6_100_000, first_token_p95_us: 900_000, overhead_p95_us: 610 }, providers, router: proc(4001, 31), supervisor: proc(4000, 18) });
}
setInterval(tick, 1000).unref();
setInterval(() => {
  const c = seed.call();
  seed.calls.unshift(c);
  send({ kind: 'call', seq: seq++, at: c.at, call: c });
  const l = seed.line();
  seed.logs.push(l);
  for (const s of streams) s.write(`id: ${l.seq}\nevent: log\ndata: ${JSON.stringify(l)}\n\n`);
}, 2500).unref();

function send(frame) {
  const text = Buffer.from(JSON.stringify(frame));
  const head = text.length < 126 ? Buffer.from([0x81, text.length]) : text.length < 65536 ? Buffer.from([0x81, 126, text.length >> 8, text.length & 255]) : (() => { const b = Buffer.alloc(10); b[0] = 0x81; b[1] = 127; b.writeBigUInt64BE(BigInt(text.length), 2); return b; })();
  for (const s of sockets) s.write(Buffer.concat([head, text]));
}

const named = (items, name) => items.find((x) => x.spec.name === name);
const person = () => ({ name: 'ada', permissions: seed.users[0].spec.permissions, session: 's1' });
const grant = () => ({ person: person(), access: '', access_expires_ms: Date.now() + 9e5, refresh: '', refresh_expires_ms: Date.now() + 9e7 });

function setState(name, state, reason) {
  const p = named(seed.providers, name);
  Object.assign(p.status, { state, reason, since_ms: Date.now() });
  return p;
}

const ROUTES = [
  ['GET', '/setup', () => ok({ needed: process.env.SETUP === '1' })],
  ['POST', '/setup', () => ok(grant(), 201)],
  ['POST', '/auth/login', (_, b) => (b.user === 'ada' && b.password === PASSWORD ? { ...ok(grant()), cookie: true } : problem(401, 'unauthenticated', 'wrong name or password'))],
  ['POST', '/auth/refresh', (_, __, q, req) => (signedIn(req) ? ok(grant()) : problem(401, 'unauthenticated', 'no session'))],
  ['POST', '/auth/logout', () => ({ ...ok(null, 200), cookie: false })],
  ['GET', '/auth/me', () => ok(person())],
  ['GET', '/auth/sessions', () => list([{ id: 's1', user: 'ada', agent: 'Chromium on Linux', address: '127.0.0.1', created_ms: Date.now() - 9e6, seen_ms: Date.now(), expires_ms: Date.now() + 9e8, current: true }, { id: 's2', user: 'ada', agent: 'curl/8.5', address: '10.0.0.7', created_ms: Date.now() - 9e7, seen_ms: Date.now() - 4e6, expires_ms: Date.now() + 9e8, current: false }])],
  ['GET', '/about', () => ok({ version: '0.8.0' })],
  ['GET', '/status', () => ok({ version: '0.8.0', pid: 4000, started_ms: Date.now() - 3e8, epoch, config: '/etc/llm-link/llm-link.toml', reload_error: null, listeners: [{ address: '127.0.0.1:8080', open: true }, { address: '0.0.0.0:8443', open: false }], router: seed.child('ready', '', 2), providers: seed.providers.map((p) => p.status) })],
  ['GET', '/presets', () => list(seed.presets)],
  ['GET', '/providers', () => list(seed.providers)],
  ['POST', '/providers', (_, b) => {
    if (named(seed.providers, b.spec.name)) return problem(409, 'conflict', `there is a provider ${b.spec.name} already`, [{ field: 'spec.name', message: 'taken' }]);
    const made = keep(seed.providers[2]);
    Object.assign(made, { spec: { ...made.spec, ...b.spec, enabled: true }, models: [], version: 1 });
    Object.assign(made.status, { name: b.spec.name, preset: b.spec.preset });
    seed.providers.push(made);
    event(b.spec.name, 'provider.created', 'created');
    return { ...changed('provider', made), status: 201 };
  }],
  ['GET', '/providers/:p', ({ p }) => (named(seed.providers, p) ? ok(named(seed.providers, p)) : problem(404, 'not-found', `there is no provider ${p}`))],
  ['PUT', '/providers/:p', ({ p }, b) => { const v = named(seed.providers, p); v.spec = b.spec; v.version += 1; v.status.generation += 1; event(p, 'config.changed', 'changed'); return changed('provider', v); }],
  ['DELETE', '/providers/:p', ({ p }) => { seed.providers.splice(seed.providers.findIndex((x) => x.spec.name === p), 1); return changed(); }],
  ['POST', '/providers/:p/test', ({ p }) => ok(p === 'gemini' ? { ok: false, steps: [{ name: 'worker', ok: true, took_us: 210, detail: 'generation 3 is ready', status: null }, { name: 'connect', ok: true, took_us: 31_000, detail: 'TLS 1.3 to generativelanguage.googleapis.com', status: null }, { name: 'models', ok: false, took_us: 80_000, detail: 'API key not valid. Please pass a valid API key.', status: 400 }], models: [] } : { ok: true, steps: [{ name: 'worker', ok: true, took_us: 210, detail: 'generation 3 is ready', status: null }, { name: 'connect', ok: true, took_us: 31_000, detail: 'TLS 1.3', status: null }, { name: 'models', ok: true, took_us: 80_000, detail: '14 models', status: 200 }], models: ['a', 'b'] })],
  ['POST', '/providers/:p/restart', ({ p }) => { const v = setState(p, 'ready', 'answers pings'); v.status.generation += 1; v.status.restarts += 1; event(p, 'worker.ready', `generation ${v.status.generation} took over`); return ok({}); }],
  ['POST', '/providers/:p/drain', ({ p }) => { setState(p, 'draining', 'drained by ada: 3 calls left'); event(p, 'worker.draining', 'drained: new calls go elsewhere'); return ok({}); }],
  ['POST', '/providers/:p/resume', ({ p }) => { setState(p, 'ready', 'answers pings'); event(p, 'worker.ready', 'resumed'); return ok({}); }],
  ['POST', '/providers/:p/enable', ({ p }) => { setState(p, 'ready', 'answers pings').spec.enabled = true; event(p, 'provider.enabled', 'enabled'); return ok({}); }],
  ['POST', '/providers/:p/disable', ({ p }) => { setState(p, 'stopped', 'disabled by ada').spec.enabled = false; event(p, 'provider.disabled', 'disabled'); return ok({}); }],
  ['POST', '/providers/:p/discover', () => ok({})],
  ['POST', '/providers/:p/keys', ({ p }, b) => { named(seed.providers, p).keys.push({ id: 9, label: b.label, tail: 'x1y2', kept: 'sealed', enabled: true, state: 'unproven', cooldown_until_ms: null, failures: 0, last_used_ms: null, version: 1 }); return changed('provider', named(seed.providers, p)); }],
  ['GET', '/models', () => list(seed.providers.flatMap((p) => p.models))],
  ['GET', '/aliases', () => list(seed.aliases)],
  ['GET', '/apps', () => list(seed.apps)],
  ['POST', '/apps', (_, b) => { const made = { ...keep(seed.apps[4]), spec: { ...keep(seed.apps[4].spec), ...b.spec }, keys: [], route: null, route_version: 0 }; seed.apps.push(made); return { ...changed('app', made), status: 201 }; }],
  ['GET', '/apps/:a', ({ a }) => (named(seed.apps, a) ? ok(named(seed.apps, a)) : problem(404, 'not-found', `there is no app ${a}`))],
  ['PUT', '/apps/:a', ({ a }, b) => { named(seed.apps, a).spec = b.spec; return changed('app', named(seed.apps, a)); }],
  ['PUT', '/apps/:a/route', ({ a }, b) => { named(seed.apps, a).route = b.route; return changed('app', named(seed.apps, a)); }],
  ['POST', '/apps/:a/keys', ({ a }, b) => { const view = { id: 50 + seq, label: b.label, prefix: 'llk_n3wK', created_ms: Date.now(), expires_ms: b.expires_ms, revoked_ms: null, last_used_ms: null }; named(seed.apps, a).keys.push(view); return { ...changed('app-key', { app: a, view, key: 'llk_n3wKThisIsOnlyMakeBelieve0123456789' }), status: 201 }; }],
  ['POST', '/dry-run', (_, b) => ok({ verdict: `this call would go to anthropic/${b.model} because it has the largest share (75 %) and is fit`, plan: [{ provider: 'anthropic', model: b.model, dialect: 'anthropic', reason: 'weight 3 of 4; same dialect: passed through' }, { provider: 'deepseek', model: 'deepseek-chat', dialect: 'openai-chat', reason: 'first fallback' }], excluded: [{ provider: 'zhipu', model: 'glm-5', reason: 'breaker open for 12 s more: 5 failures in a row' }], refusal: null })],
  ['GET', '/users', () => list(seed.users)],
  ['GET', '/calls', (_, __, q) => { const has = (f) => (c) => !q.get(f) || c[f] === q.get(f); let all = seed.calls.filter(has('app')).filter(has('provider')).filter(has('model')).filter(has('failure')); if (q.get('failed')) all = all.filter((c) => (c.failure !== null) === (q.get('failed') === 'true')); const from = q.get('before') ? all.findIndex((c) => c.id === q.get('before')) + 1 : 0; const n = Number(q.get('limit') ?? 50); const page = all.slice(from, from + n); return list(page, from + n < all.length ? page.at(-1).id : null); }],
  ['GET', '/calls/:c', ({ c }) => { const found = seed.calls.find((x) => x.id === c); return found ? ok({ call: found, trace: seed.trace(found) }) : problem(404, 'not-found', 'there is no such call'); }],
  ['GET', '/monitoring/metrics', (_, __, q) => ok(seed.report(q))],
  ['GET', '/events', (_, __, q) => list(seed.events.filter((e) => !q.get('subject') || e.subject === q.get('subject')).slice(0, Number(q.get('limit') ?? 50)))],
  ['GET', '/logs', (_, __, q) => list([...seed.logs].reverse().filter((l) => (!q.get('process') || l.process === q.get('process')) && (!q.get('text') || l.text.includes(q.get('text')))).slice(0, 300))],
  ['GET', '/audit', (_, __, q) => list(seed.audit.filter((a) => !q.get('object') || a.object === q.get('object')))],
  ['GET', '/config', () => list([{ path: 'server.listen', value: '127.0.0.1:8080', source: { from: 'default' }, hidden: null }, { path: 'providers.ollama-local.base_url', value: 'http://127.0.0.1:11434', source: { from: 'file', at: '/etc/llm-link/llm-link.toml:12' }, hidden: 'http://10.0.0.2:11434' }])],
  ['GET', '/config/export', () => ok({ settings: {}, providers: [], aliases: [], apps: [] })],
  ['POST', '/config/diff', () => list([{ verb: 'create', object: 'provider', name: 'together', fields: [] }, { verb: 'update', object: 'app', name: 'coding', fields: [['limits.concurrent', 40, 60]] }, { verb: 'delete', object: 'alias', name: 'best', fields: [] }])],
  ['POST', '/config/apply', () => changed()],
  ['POST', '/config/reload', () => ok({})],
  ['POST', '/router/restart', () => ok({})],
  ['POST', '/system/rotate-master-key', () => ok({})]
];

const signedIn = (req) => /fake_session=1/.test(req.headers.cookie ?? '');
const OPEN = ['/setup', '/auth/login', '/about'];

function answer(req, body) {
  const url = new URL(req.url, 'http://x');
  const path = url.pathname.replace(/^\/api\/v1/, '');
  if (!OPEN.includes(path) && !signedIn(req)) return problem(401, 'unauthenticated', 'no valid session');
  for (const [method, pattern, act] of ROUTES) {
    if (method !== req.method) continue;
    const names = pattern.split('/');
    const parts = path.split('/');
    if (names.length !== parts.length) continue;
    const found = {};
    if (names.every((n, i) => (n.startsWith(':') ? ((found[n.slice(1)] = decodeURIComponent(parts[i])), true) : n === parts[i]))) return act(found, body, url.searchParams, req);
  }
  return problem(404, 'not-found', `there is no ${req.method} ${path} here`);
}

function page(req, res) {
  const path = new URL(req.url, 'http://x').pathname.slice(1);
  const file = existsSync(join(dist, 'files', `${path}.br`)) ? path : 'index.html';
  const [, type] = readFileSync(join(dist, 'files.tsv'), 'utf8').split('\n').map((l) => l.split('\t')).find(([p]) => p === file) ?? [];
  res.writeHead(200, { 'content-type': type, 'content-security-policy': readFileSync(join(dist, 'policy.txt'), 'utf8').trim() });
  res.end(brotliDecompressSync(readFileSync(join(dist, 'files', `${file}.br`))));
}

const server = createServer(async (req, res) => {
  if (!req.url.startsWith('/api/') && !req.url.startsWith('/v1')) return page(req, res);
  if (req.url.startsWith('/v1/')) {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'x-llm-link-call-id': seed.calls[0].id, 'x-llm-link-provider': 'openai' });
    for (const w of 'Hello from a make-believe model. '.split(/(?<= )/)) {
      res.write(`data: ${JSON.stringify({ choices: [{ delta: { content: w } }] })}\n\n`);
      await new Promise((r) => setTimeout(r, 60));
    }
    return res.end('data: [DONE]\n\n');
  }
  if (req.url.startsWith('/api/v1/logs/stream')) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    streams.add(res);
    return req.on('close', () => streams.delete(res));
  }
  const chunks = [];
  for await (const c of req) chunks.push(c);
  const text = Buffer.concat(chunks).toString();
  const { status, body, cookie } = answer(req, text ? JSON.parse(text) : {});
  const headers = { 'content-type': status >= 400 ? 'application/problem+json' : 'application/json' };
  if (cookie !== undefined) headers['set-cookie'] = `fake_session=${cookie ? 1 : ''}; Path=/; HttpOnly; SameSite=Strict${cookie ? '' : '; Max-Age=0'}`;
  setTimeout(() => res.writeHead(status, headers).end(JSON.stringify(body)), 40);
});
server.on('upgrade', (req, socket) => {
  if (!signedIn(req)) return socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
  const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket)).on('error', () => sockets.delete(socket)).resume();
  tick();
});
server.listen(port, '127.0.0.1', () => console.log(`make-believe LLM Link on http://127.0.0.1:${port} (ada / ${PASSWORD})`));

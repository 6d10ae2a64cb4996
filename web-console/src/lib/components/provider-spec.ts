/** A provider as a form holds it: every field a string, empty = not said. */

import type { Dialect, ProviderLimits, ProviderSpec, ProviderTimeouts, ProxyRule, SandboxMode, SecretValue } from '#lib/api/types.ts';
import type { Change } from '#lib/diff.ts';

export const LIMITS: (keyof ProviderLimits)[] = [
  'max_concurrent',
  'max_queue',
  'queue_wait_ms',
  'requests_per_second',
  'requests_per_minute',
  'tokens_per_minute',
  'memory_bytes',
  'files',
  'pool_idle'
];
export const TIMEOUTS: (keyof ProviderTimeouts)[] = ['connect_ms', 'first_token_ms', 'idle_ms', 'total_ms', 'total_stream_ms'];

/** Stands for a secret that stays as it is. */
export const KEPT = '••••••';

/** A change as it is shown before it is made: of a secret only that there is another one. */
export function veiled(change: Change, another: string): Change {
  if (!/^(proxy_login|secret_headers)(\.|$)/.test(change.path)) return change;
  const [before, after] = [change.before === null ? null : KEPT, change.after === null ? null : another];
  return { path: change.path.replace(/\.text$/, ''), before, after };
}

export interface ProviderForm {
  name: string;
  preset: string;
  dialect: string;
  base_url: string;
  priority: string;
  fallback: string;
  sandbox: string;
  proxy: string;
  proxy_login: string;
  headers: string;
  secret_headers: string;
  limits: Record<string, string>;
  timeouts: Record<string, string>;
}

const text = (value: number | null | undefined) => (value === null || value === undefined ? '' : String(value));
const numbers = (names: string[], values: object | undefined) =>
  Object.fromEntries(names.map((n) => [n, text((values as Record<string, number | null | undefined> | undefined)?.[n])]));

export function toForm(spec: ProviderSpec): ProviderForm {
  const proxy = spec.proxy ?? null;
  return {
    name: spec.name,
    preset: spec.preset,
    dialect: spec.dialect ?? '',
    base_url: spec.base_url ?? '',
    priority: String(spec.priority ?? 0),
    fallback: (spec.fallback ?? []).join(', '),
    sandbox: spec.sandbox ?? '',
    proxy: proxy === null ? '' : typeof proxy === 'string' ? proxy : proxy.url,
    proxy_login: spec.proxy_login ? KEPT : '',
    headers: lines(spec.headers ?? {}),
    secret_headers: lines(Object.fromEntries(Object.keys(spec.secret_headers ?? {}).map((n) => [n, KEPT]))),
    limits: numbers(LIMITS, spec.limits),
    timeouts: numbers(TIMEOUTS, spec.timeouts)
  };
}

/** `was` keeps what the form does not show. */
export function toSpec(form: ProviderForm, was: ProviderSpec): ProviderSpec {
  const proxy = form.proxy.trim();
  const rule: ProxyRule | null = proxy === '' ? null : proxy === 'direct' || proxy === 'environment' ? proxy : { url: proxy };
  return {
    ...was,
    name: form.name.trim(),
    preset: form.preset,
    dialect: (form.dialect || null) as Dialect | null,
    base_url: form.base_url.trim() || null,
    priority: number(form.priority) ?? 0,
    fallback: words(form.fallback),
    sandbox: (form.sandbox || null) as SandboxMode | null,
    proxy: rule,
    // Without a proxy there is nobody to log in to.
    proxy_login: typeof rule === 'object' && rule ? secret(form.proxy_login, was.proxy_login) : null,
    headers: headers(form.headers),
    secret_headers: Object.fromEntries(
      Object.entries(headers(form.secret_headers)).flatMap(([n, v]) => {
        const value = secret(v, was.secret_headers?.[n.toLowerCase()]);
        return value ? [[n.toLowerCase(), value]] : [];
      })
    ),
    limits: table(form.limits),
    timeouts: table(form.timeouts)
  };
}

/** A number, or nothing. Sizes may carry a unit: 256M, 1GiB. Number fields hold numbers once they were typed in. */
export function number(value: string | number | null | undefined): number | null {
  const match = /^(-?\d+(?:\.\d+)?)\s*([kmg])?(i?b)?$/i.exec(String(value ?? '').trim());
  if (!match) return null;
  const unit = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Math.round(Number(match[1]) * unit);
}

export function words(value: string): string[] {
  return value
    .split(/[\s,]+/)
    .map((w) => w.trim())
    .filter(Boolean);
}

function table(values: Record<string, string>): Record<string, number | null> {
  return Object.fromEntries(Object.entries(values).map(([n, v]) => [n, number(v)]));
}

function secret(typed: string, was: SecretValue | null | undefined): SecretValue | null {
  const value = typed.trim();
  if (value === KEPT) return was ?? null;
  return value === '' ? null : { text: value };
}

function lines(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([n, v]) => `${n}: ${v}`)
    .join('\n');
}

function headers(value: string): Record<string, string> {
  const lines = value.split('\n').map((l) => l.trim());
  return Object.fromEntries(lines.filter((l) => l.includes(':')).map((l) => [l.slice(0, l.indexOf(':')).trim(), l.slice(l.indexOf(':') + 1).trim()]));
}

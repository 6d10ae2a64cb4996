/** A provider as a form holds it: every field a string, empty = not said. */

import type { Dialect, ProviderLimits, ProviderSpec, ProviderTimeouts, ProxyRule, SandboxMode } from '#lib/api/types.ts';

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

export interface ProviderForm {
  name: string;
  preset: string;
  dialect: string;
  base_url: string;
  priority: string;
  fallback: string;
  sandbox: string;
  proxy: string;
  headers: string;
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
    headers: Object.entries(spec.headers ?? {})
      .map(([n, v]) => `${n}: ${v}`)
      .join('\n'),
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
    headers: headers(form.headers),
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

function headers(value: string): Record<string, string> {
  const lines = value.split('\n').map((l) => l.trim());
  return Object.fromEntries(lines.filter((l) => l.includes(':')).map((l) => [l.slice(0, l.indexOf(':')).trim(), l.slice(l.indexOf(':') + 1).trim()]));
}

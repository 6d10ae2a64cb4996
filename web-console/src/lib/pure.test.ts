import { describe, expect, it } from 'vitest';
import { beats } from './components/heartbeat.ts';
import { KEPT, number, toForm, toSpec, veiled } from './components/provider-spec.ts';
import { changes } from './diff.ts';
import { CLIENTS, fits } from './snippets.ts';

describe('changes', () => {
  it('names the fields that differ, and only these', () => {
    const found = changes({ a: 1, b: { c: [1], d: null } }, { a: 1, b: { c: [2] }, e: 'x' });
    expect(found).toEqual([
      { path: 'b.c', before: [1], after: [2] },
      { path: 'e', before: null, after: 'x' }
    ]);
  });
  it('takes absent, null and empty for the same', () => {
    expect(changes({ limits: {} }, { limits: { x: null }, more: undefined })).toEqual([]);
  });
});

describe('a provider as a form', () => {
  const spec = { name: 'p', preset: 'openai', priority: 3, limits: { memory_bytes: 268_435_456 }, proxy: { url: 'http://proxy:1' }, headers: { 'x-a': '1' }, quirks: { 'openai-chat': { x: 1 } } };
  it('comes back as it was, with what the form does not show', () => {
    expect(changes(spec, toSpec(toForm(spec), spec))).toEqual([{ path: 'fallback', before: null, after: [] }]);
  });
  it('keeps secrets that it never saw, takes new ones, and drops a login with its proxy', () => {
    const secret = { ...spec, proxy_login: 'kept' as const, secret_headers: { 'x-b': 'kept' as const, 'x-c': { env: 'C' } } };
    const form = toForm(secret);
    expect([form.proxy_login, form.secret_headers]).toEqual([KEPT, `x-b: ${KEPT}\nx-c: ${KEPT}`]);
    expect(toSpec(form, secret)).toMatchObject({ proxy_login: 'kept', secret_headers: secret.secret_headers });
    const other = toSpec({ ...form, proxy: '', secret_headers: `X-B: new\nx-d: ${KEPT}` }, secret);
    expect([other.proxy_login, other.secret_headers]).toEqual([null, { 'x-b': { text: 'new' } }]);
    const told = toSpec({ ...form, proxy_login: 'u:p', secret_headers: 'x-e: tea' }, secret);
    expect(told.proxy_login).toEqual({ text: 'u:p' });
    const shown = JSON.stringify(changes(secret, told).map((c) => veiled(c, 'another')));
    expect(shown).not.toMatch(/u:p|tea/);
    expect(shown).toContain('another');
  });
  it('reads sizes', () => {
    expect([number('256M'), number('1 GiB'), number('12'), number(''), number('many')]).toEqual([268_435_456, 1_073_741_824, 12, null, null]);
  });
});

describe('heartbeats', () => {
  const slot = (minute: number, calls: number, failed: number) => ({ start_ms: minute * 60_000, calls, failed, tokens_in: 0, tokens_out: 0, latency_p50_us: null, latency_p95_us: null, overhead_p95_us: null });
  it('has one for each minute, in order, by how it went', () => {
    const row = beats([slot(12, 4, 0), slot(13, 4, 1), slot(70, 4, 3)], 10 * 60_000 + 30_000, 60);
    expect(row).toHaveLength(60);
    expect([0, 1, 2, 3, 59].map((i) => row[i]?.kind)).toEqual(['none', 'good', 'some', 'none', 'most']);
  });
});

describe('snippets', () => {
  const connection = { origin: 'http://127.0.0.1:8080', key: "k'ey", model: 'gpt-5' };
  it('carry address and model for every client', () => {
    for (const client of CLIENTS) {
      const text = client.text(connection);
      expect(text, client.id).toContain('127.0.0.1:8080');
      expect(text, client.id).toContain('gpt-5');
    }
  });
  it('are quoted for the shell', () => {
    expect(CLIENTS[0]?.text(connection)).toContain(`'authorization: Bearer k'\\''ey'`);
  });
  it('fits patterns', () => {
    expect([fits('gpt-*', 'gpt-5'), fits('gpt-*', 'my-gpt-5'), fits('*', 'x'), fits('a.b', 'axb')]).toEqual([true, false, true, false]);
  });
});

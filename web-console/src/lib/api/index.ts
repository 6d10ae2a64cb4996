/** Every question the console asks, by name. */

import { ask, type Query } from './client.ts';
import type * as T from './types.ts';

export { address, Problem, renew, whenSignedOut } from './client.ts';
export type * from './types.ts';

const seg = encodeURIComponent;
const list = <X>(path: string, query?: Query, signal?: AbortSignal) => ask<T.List<X>>(path, { query: query ?? {}, signal });
const get = <X>(path: string, query?: Query) => ask<X>(path, { query: query ?? {} });
const post = <X = T.Changed>(path: string, body?: unknown) => ask<X>(path, { method: 'POST', body });
const put = (path: string, body: unknown, version: number) => ask<T.Changed>(path, { method: 'PUT', body, version });
const del = (path: string, version = 0) => ask<T.Changed>(path, { method: 'DELETE', version });

export const session = {
  needsSetup: () => get<{ needed: boolean }>('/setup'),
  setup: (token: string, user: string, password: string) => post<T.Grant>('/setup', { token, user, password }),
  login: (user: string, password: string) => post<T.Grant>('/auth/login', { user, password, cookie: true }),
  logout: () => post<unknown>('/auth/logout'),
  me: () => get<T.Person>('/auth/me'),
  setPassword: (current: string, password: string) => ask<unknown>('/auth/password', { method: 'PUT', body: { current, password } }),
  sessions: () => list<T.SessionView>('/auth/sessions'),
  revoke: (id: string) => ask<unknown>(`/auth/sessions/${seg(id)}`, { method: 'DELETE' })
};

export const system = {
  status: () => get<T.SystemStatus>('/status'),
  about: () => get<{ version: string }>('/about'),
  restartRouter: () => post<unknown>('/router/restart'),
  reload: () => post<unknown>('/config/reload'),
  rotateMasterKey: () => post<unknown>('/system/rotate-master-key'),
  config: () => list<T.EffectiveValue>('/config'),
  exported: () => get<T.ConfigDocument>('/config/export'),
  differences: (document: unknown, prune: boolean) => post<T.Changed | { items: T.Difference[] }>('/config/diff', { document, prune }),
  apply: (document: unknown, prune: boolean, epoch: number | null) => post('/config/apply', { document, prune, epoch })
};

export const providers = {
  presets: () => list<T.PresetView>('/presets'),
  list: () => list<T.ProviderView>('/providers'),
  get: (name: string) => get<T.ProviderView>(`/providers/${seg(name)}`),
  create: (spec: T.ProviderSpec, key: T.KeyValue | null) => post('/providers', { spec, key }),
  update: (name: string, spec: T.ProviderSpec, version: number) => put(`/providers/${seg(name)}`, { spec }, version),
  remove: (name: string, version: number) => del(`/providers/${seg(name)}`, version),
  test: (name: string, model: string | null) => post<T.TestReport>(`/providers/${seg(name)}/test`, { model }),
  restart: (name: string) => post<unknown>(`/providers/${seg(name)}/restart`),
  drain: (name: string, withinMs: number | null) => post<unknown>(`/providers/${seg(name)}/drain`, { within_ms: withinMs }),
  resume: (name: string) => post<unknown>(`/providers/${seg(name)}/resume`),
  enable: (name: string) => post<unknown>(`/providers/${seg(name)}/enable`),
  disable: (name: string) => post<unknown>(`/providers/${seg(name)}/disable`),
  discover: (name: string) => post<unknown>(`/providers/${seg(name)}/discover`),
  addKey: (name: string, label: string, value: T.KeyValue) => post(`/providers/${seg(name)}/keys`, { label, value }),
  updateKey: (name: string, id: number, change: { label?: string; enabled?: boolean; value?: T.KeyValue }, version: number) =>
    ask<T.Changed>(`/providers/${seg(name)}/keys/${id}`, { method: 'PATCH', body: change, version }),
  removeKey: (name: string, id: number, version: number) => del(`/providers/${seg(name)}/keys/${id}`, version)
};

export const models = {
  list: (provider?: string) => list<T.ModelView>('/models', { provider }),
  save: (provider: string, spec: T.ModelSpec, version: number) => put(`/providers/${seg(provider)}/models/${seg(spec.name)}`, { spec }, version),
  remove: (provider: string, model: string, version: number) => del(`/providers/${seg(provider)}/models/${seg(model)}`, version),
  addPrice: (provider: string, model: string, spec: T.PriceSpec) => post(`/providers/${seg(provider)}/models/${seg(model)}/prices`, { spec }),
  removePrice: (id: number) => del(`/prices/${id}`),
  aliases: () => list<T.AliasView>('/aliases'),
  saveAlias: (spec: T.AliasSpec, version: number) => put(`/aliases/${seg(spec.name)}`, { spec }, version),
  removeAlias: (name: string, version: number) => del(`/aliases/${seg(name)}`, version)
};

export const apps = {
  list: () => list<T.AppView>('/apps'),
  get: (name: string) => get<T.AppView>(`/apps/${seg(name)}`),
  create: (spec: T.AppSpec, route: T.RouteSpec | null) => post('/apps', { spec, route }),
  update: (name: string, spec: T.AppSpec, version: number) => put(`/apps/${seg(name)}`, { spec }, version),
  remove: (name: string, version: number) => del(`/apps/${seg(name)}`, version),
  setRoute: (name: string, route: T.RouteSpec, version: number) => put(`/apps/${seg(name)}/route`, { route }, version),
  removeRoute: (name: string, version: number) => del(`/apps/${seg(name)}/route`, version),
  createKey: (name: string, label: string, expires: number | null) => post(`/apps/${seg(name)}/keys`, { label, expires_ms: expires }),
  rotateKey: (name: string, id: number, overlapS: number) => post(`/apps/${seg(name)}/keys/${id}/rotate`, { overlap_s: overlapS }),
  revokeKey: (name: string, id: number) => del(`/apps/${seg(name)}/keys/${id}`),
  dryRun: (call: T.DryRun) => post<T.DryRunReport>('/dry-run', call)
};

export const users = {
  list: () => list<T.UserView>('/users'),
  create: (spec: T.UserSpec, password: string) => post('/users', { spec, password }),
  update: (name: string, spec: T.UserSpec, version: number) => put(`/users/${seg(name)}`, { spec }, version),
  remove: (name: string, version: number) => del(`/users/${seg(name)}`, version),
  setPassword: (name: string, password: string) => ask<unknown>(`/users/${seg(name)}/password`, { method: 'PUT', body: { password } }),
  sessions: (name: string) => list<T.SessionView>(`/users/${seg(name)}/sessions`)
};

export const record = {
  calls: (query: Query, signal?: AbortSignal) => list<T.CallSummary>('/calls', query, signal),
  call: (id: string) => get<T.CallDetail>(`/calls/${seg(id)}`),
  meter: (query: Query) => get<T.MeterReport>('/monitoring/metrics', query),
  events: (query: Query) => list<T.EventView>('/events', query),
  logs: (query: Query) => list<T.LogLine>('/logs', query),
  audit: (query: Query) => list<T.AuditEntry>('/audit', query)
};

/** The new key, out of the answer that shows it this once. */
export function madeKey(changed: T.Changed): T.AppKeyMade | null {
  return changed.now?.what === 'app-key' ? changed.now.is : null;
}

/** The one way to the admin API: one fetch, one kind of error, one renewal of the session. */

export interface FieldError {
  field: string;
  message: string;
}

/** Why something was not done, as the API says it, or that the API was not reached. */
export class Problem extends Error {
  override name = 'Problem';
  constructor(
    readonly kind: string,
    message: string,
    readonly status: number,
    readonly fields: FieldError[] = [],
    readonly retryAfterMs: number | null = null
  ) {
    super(message);
  }

  /** The message for a field, if the problem is in it. */
  of(field: string): string | undefined {
    return this.fields.find((f) => f.field === field || f.field.startsWith(`${field}[`) || f.field.startsWith(`${field}.`))?.message;
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  query?: Query;
  body?: unknown;
  /** The version that was seen: somebody else's change in between is a problem, not overwritten. 0 = none of its own. */
  version?: number;
  signal?: AbortSignal | undefined;
  /** Text instead of JSON. */
  text?: boolean;
}

export const BASE = '/api/v1';

let renewal: Promise<boolean> | null = null;
let onSignedOut: () => void = () => {};

/** What to do when the session is over. */
export function whenSignedOut(act: () => void): void {
  onSignedOut = act;
}

export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return BASE + path + (text ? `?${text}` : '');
}

/** Exchanges the refresh cookie for a new access cookie; many callers share one exchange. Without a body: the cookie is the proof. */
export function renew(): Promise<boolean> {
  renewal ??= send('/auth/refresh', { method: 'POST' })
    .then((r) => r.ok)
    .catch(() => false)
    .finally(() => {
      renewal = null;
    });
  return renewal;
}

async function send(path: string, call: Call): Promise<Response> {
  const headers: Record<string, string> = { accept: call.text ? '*/*' : 'application/json', 'x-llm-link-csrf': '1' };
  if (call.body !== undefined) headers['content-type'] = 'application/json';
  if (call.version) headers['if-match'] = `"${call.version}"`;
  if (call.method === 'POST') headers['idempotency-key'] = random();
  return fetch(address(path, call.query), {
    method: call.method ?? 'GET',
    headers,
    credentials: 'same-origin',
    cache: 'no-store',
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    ...(call.signal ? { signal: call.signal } : {})
  });
}

/** Works on plain HTTP too, where `crypto.randomUUID` is not there. */
function random(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

async function problem(response: Response): Promise<Problem> {
  const after = Number(response.headers.get('retry-after'));
  const retry = after > 0 ? after * 1000 : null;
  try {
    const said = (await response.json()) as { kind?: string; detail?: string; title?: string; errors?: FieldError[] };
    return new Problem(said.kind ?? 'internal', said.detail ?? said.title ?? response.statusText, response.status, said.errors ?? [], retry);
  } catch {
    return new Problem('internal', `${response.status} ${response.statusText}`.trim(), response.status, [], retry);
  }
}

async function attempt(path: string, call: Call): Promise<Response> {
  try {
    return await send(path, call);
  } catch (error) {
    if (call.signal?.aborted) throw error;
    throw new Problem('unreachable', 'LLM Link does not answer', 0);
  }
}

/** Asks, renews the session once if it has run out, and gives the answer or throws a [`Problem`]. */
export async function ask<T>(path: string, call: Call = {}): Promise<T> {
  let response = await attempt(path, call);
  const signsIn = path.startsWith('/auth/login') || path.startsWith('/setup') || path.startsWith('/auth/refresh');
  if (response.status === 401 && !signsIn) {
    if (await renew()) response = await attempt(path, call);
    if (response.status === 401) onSignedOut();
  }
  if (!response.ok) throw await problem(response);
  if (call.text) return (await response.text()) as T;
  const text = await response.text();
  return (text === '' ? null : JSON.parse(text)) as T;
}

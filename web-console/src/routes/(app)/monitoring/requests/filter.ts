/** Which calls of the live stream belong in the list that is shown. The same rule as the API's. */

import type { CallSummary } from '#lib/api/types.ts';

export interface Filter {
  app: string | null;
  provider: string | null;
  model: string | null;
  failure: string | null;
  failed: string | null;
  since_ms: string | null;
  until_ms: string | null;
}

export const FAILURES = [
  'InvalidRequest',
  'Unsupported',
  'ContextLength',
  'TooLarge',
  'Unauthenticated',
  'Forbidden',
  'NotFound',
  'ModelNotFound',
  'RequestTimeout',
  'RateLimited',
  'QuotaExhausted',
  'UpstreamAuth',
  'Upstream',
  'Overloaded',
  'Unreachable',
  'Timeout',
  'Interrupted',
  'BadAnswer',
  'ContentFiltered',
  'WorkerLost',
  'Refused',
  'Unavailable',
  'Cancelled',
  'Internal'
] as const;

export function matches(call: CallSummary, f: Filter): boolean {
  return (
    (f.app === null || call.app === f.app) &&
    (f.provider === null || call.provider === f.provider) &&
    (f.model === null || call.model === f.model) &&
    (f.failure === null || call.failure === f.failure) &&
    (f.failed === null || (call.failure !== null) === (f.failed === 'true')) &&
    (f.since_ms === null || call.at >= Number(f.since_ms)) &&
    (f.until_ms === null || call.at < Number(f.until_ms))
  );
}

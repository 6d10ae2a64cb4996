/** A row of heartbeats: one per slot of time, by how its calls went. */

import type { MeterSlot } from '#lib/api/types.ts';

export interface Beat {
  start: number;
  calls: number;
  failed: number;
  kind: 'none' | 'good' | 'some' | 'most';
}

export const BEATS = 60;

export function beats(slots: MeterSlot[], since: number, slotS: number): Beat[] {
  const step = slotS * 1000;
  const by = new Map(slots.map((s) => [Math.floor(s.start_ms / step), s]));
  // The hour touches one more slot than it has: the last is the one that is running.
  const first = Math.floor(since / step) + 1;
  return Array.from({ length: BEATS }, (_, i) => {
    const slot = by.get(first + i);
    const calls = slot?.calls ?? 0;
    const failed = slot?.failed ?? 0;
    return { start: (first + i) * step, calls, failed, kind: kind(calls, failed) };
  });
}

function kind(calls: number, failed: number): Beat['kind'] {
  if (calls === 0) return 'none';
  if (failed === 0) return 'good';
  return failed * 2 > calls ? 'most' : 'some';
}

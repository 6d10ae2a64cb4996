/** What differs between two values, field by field. */

import type { Json } from './api/types.ts';

export interface Change {
  path: string;
  before: Json;
  after: Json;
}

function isTable(value: unknown): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Absent, null and an empty table say the same. */
function plain(value: unknown): Json {
  if (value === undefined || value === null) return null;
  if (isTable(value) && Object.values(value).every((v) => plain(v) === null)) return null;
  return value as Json;
}

export function changes(before: unknown, after: unknown, path = ''): Change[] {
  const a = plain(before);
  const b = plain(after);
  if (isTable(a) || isTable(b)) {
    if ((a === null || isTable(a)) && (b === null || isTable(b))) {
      const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
      return [...names].flatMap((name) => changes(a?.[name], b?.[name], path ? `${path}.${name}` : name));
    }
  }
  return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ path, before: a, after: b }];
}

/** A value as one line. */
export function inline(value: Json): string {
  if (value === null) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

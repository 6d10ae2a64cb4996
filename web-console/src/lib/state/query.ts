/** The address bar is the state of a page: what is filtered, chosen and open. */

import { goto } from '$app/navigation';
import { page } from '$app/state';

/** A parameter of the address. */
export function parameter(name: string): string | null {
  return page.url.searchParams.get(name);
}

/** The same address with these parameters changed; `null` takes one away. */
export function withParameters(changes: Record<string, string | number | null>): string {
  const url = new URL(page.url.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') url.searchParams.delete(name);
    else url.searchParams.set(name, String(value));
  }
  return url.pathname + url.search;
}

/** Goes there; typing into a filter replaces, choosing something can be undone with *back*. */
export function setParameters(changes: Record<string, string | number | null>, replace = false): Promise<void> {
  return goto(withParameters(changes), { replace, reset: false });
}

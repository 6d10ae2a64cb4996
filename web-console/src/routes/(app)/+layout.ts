import { redirect } from '@sveltejs/kit';
import { session } from '#lib/state/session.svelte.ts';

/** Nobody signed in: to the sign-in, and back here afterwards. */
export async function load({ url }: { url: URL }): Promise<void> {
  if (session.person === null) {
    try {
      await session.confirm();
    } catch {
      const next = url.pathname + url.search;
      redirect(307, next === '/' ? '/login' : `/login?${new URLSearchParams({ next })}`);
    }
  }
}

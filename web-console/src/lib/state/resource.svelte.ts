/** Something asked of the API: what came, whether it is being asked for, and why it did not come. */

import { Problem } from '#lib/api/index.ts';

export class Resource<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  loading = $state(true);
  private asked = 0;
  private soon: ReturnType<typeof setTimeout> | null = null;
  private readonly load: () => Promise<T>;

  /** Asks at once, and again whenever what `load` reads of the page's state changes. */
  constructor(load: () => Promise<T>) {
    this.load = load;
    $effect(() => {
      void this.run(load());
      return () => {
        if (this.soon) clearTimeout(this.soon);
      };
    });
  }

  /** Asks again; what is there stays until the answer comes. */
  refresh = (): Promise<void> => this.run(this.load());

  /** Asks again, once for many reasons that come together. */
  refreshSoon = (): void => {
    this.soon ??= setTimeout(() => {
      this.soon = null;
      void this.refresh();
    }, 200);
  };

  private async run(promise: Promise<T>): Promise<void> {
    const mine = ++this.asked;
    this.loading = true;
    try {
      const value = await promise;
      if (mine !== this.asked) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (mine !== this.asked) return;
      this.problem = error instanceof Problem ? error : new Problem('internal', String(error), 0);
    } finally {
      if (mine === this.asked) this.loading = false;
    }
  }
}

export function resource<T>(load: () => Promise<T>): Resource<T> {
  return new Resource(load);
}

/** Who is signed in. Name and permissions are remembered, so that a page is drawn before the API has confirmed them. */

import { session as api, type Grant, type Permission, type Person } from '#lib/api/index.ts';

const KEY = 'llm-link.person';

class Session {
  person = $state.raw<Person | null>(remembered());

  /** Nothing needed is always had. */
  can(permission: Permission | null): boolean {
    if (permission === null) return this.person !== null;
    return this.person?.permissions.includes(permission) ?? false;
  }

  begin(grant: Grant): void {
    this.keep(grant.person);
  }

  /** Confirms who is signed in. */
  async confirm(): Promise<void> {
    this.keep(await api.me());
  }

  end(): void {
    this.person = null;
    try {
      localStorage.removeItem(KEY);
    } catch {
      // Nothing was kept.
    }
  }

  private keep(person: Person): void {
    this.person = person;
    try {
      localStorage.setItem(KEY, JSON.stringify(person));
    } catch {
      // Asked for again on the next page load.
    }
  }
}

function remembered(): Person | null {
  try {
    const text = localStorage.getItem(KEY);
    return text ? (JSON.parse(text) as Person) : null;
  } catch {
    return null;
  }
}

export const session = new Session();

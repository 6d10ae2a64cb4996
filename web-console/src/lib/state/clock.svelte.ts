/** The present, to the second, for everything that says how long ago. One timer for the page. */

class Clock {
  now = $state(Date.now());

  constructor() {
    // The build looks at every module once, without a browser.
    if (typeof document === 'undefined') return;
    setInterval(() => {
      if (!document.hidden) this.now = Date.now();
    }, 1000);
    document.addEventListener('visibilitychange', () => (this.now = Date.now()));
  }
}

export const clock = new Clock();

/** Light, dark, or as the system is. `static/theme.js` does the same before the first paint. */

export type Theme = 'light' | 'dark' | 'system';

const KEY = 'llm-link.theme';
const system = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;

class ThemeChoice {
  chosen = $state<Theme>(stored());
  private systemDark = $state(system?.matches ?? false);
  dark = $derived(this.chosen === 'dark' || (this.chosen === 'system' && this.systemDark));

  constructor() {
    system?.addEventListener('change', (e) => {
      this.systemDark = e.matches;
      this.show();
    });
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Chosen for this page only.
    }
    this.show();
  }

  private show(): void {
    document.documentElement.classList.toggle('dark', this.dark);
  }
}

function stored(): Theme {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    return 'system';
  }
}

export const theme = new ThemeChoice();

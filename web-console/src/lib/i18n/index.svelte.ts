/** The language of the console: one dictionary at a time, loaded when it is chosen. */

import type { en } from './en.ts';

export type Text = keyof typeof en;
export type Language = 'en' | 'zh-CN';
type Holes = Record<string, string | number>;

const KEY = 'llm-link.language';

class Tongue {
  language = $state<Language>('en');
  texts = $state.raw<Record<string, string>>({});
}

const tongue = new Tongue();

function stored(): Language {
  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen === 'en' || chosen === 'zh-CN') return chosen;
  } catch {
    // Without storage the system's language decides.
  }
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
}

/** Loads the chosen language; with one given, chooses it. */
export async function chooseLanguage(language: Language = stored()): Promise<void> {
  const texts = language === 'zh-CN' ? (await import('./zh.ts')).zh : (await import('./en.ts')).en;
  tongue.texts = texts;
  tongue.language = language;
  document.documentElement.lang = language;
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // Chosen for this page only.
  }
}

export function language(): Language {
  return tongue.language;
}

/** The text of that name, with its holes filled. Of `one || many`, which one the hole `count` says. */
export function t(name: Text, holes?: Holes): string {
  const forms = (tongue.texts[name] ?? name).split(' || ');
  const text = (holes && String(holes['count']) === '1' ? forms[0] : forms.at(-1)) ?? name;
  return holes ? text.replace(/\{(\w+)\}/g, (all, hole: string) => String(holes[hole] ?? all)) : text;
}

/** The text of a word that the API says, or the word itself when a newer API says a new one. */
export function word(group: string, value: string): string {
  return tongue.texts[`${group}.${value}`] ?? value;
}

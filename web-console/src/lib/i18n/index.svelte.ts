/** The language of the console: one dictionary at a time, loaded when it is chosen. */

import type { en } from './en.ts';

export type Text = keyof typeof en;
export type Language = 'en' | 'zh-CN';
type Holes = Record<string, string | number>;

const KEY = 'llm-link.language';

const asSaid = (sentence: string): string => sentence;

class Tongue {
  language = $state<Language>('en');
  texts = $state.raw<Record<string, string>>({});
  said = $state.raw(asSaid);
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
  const chosen = language === 'zh-CN' ? await chinese() : { texts: (await import('./en.ts')).en, said: asSaid };
  tongue.texts = chosen.texts;
  tongue.said = chosen.said;
  tongue.language = language;
  document.documentElement.lang = language;
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // Chosen for this page only.
  }
}

async function chinese(): Promise<{ texts: Record<string, string>; said: typeof asSaid }> {
  const [{ zh }, { zhSentences }, { translator }] = await Promise.all([import('./zh.ts'), import('./zh-sentences.ts'), import('./sentences.ts')]);
  return { texts: zh, said: translator(zhSentences) };
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

/** A sentence of the server in the language of the console, as far as it is known there. */
export function said(sentence: string): string;
export function said(sentence: string | null | undefined): string | undefined;
export function said(sentence: string | null | undefined): string | undefined {
  return sentence ? tongue.said(sentence) : undefined;
}

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { en } from '../src/lib/i18n/en.ts';
import { zh } from '../src/lib/i18n/zh.ts';

/** What is wrong with the dictionaries: missing, left over, other placeholders, asked for but unknown, never asked for. */
export function mistakes(a: Record<string, string>, b: Record<string, string>, used: Map<string, string>, all: string): string[] {
  const found: string[] = [];
  // Of `one || many`, the one for many has all of them.
  const holes = (text: string) => [...(text.split(' || ').at(-1) ?? '').matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join();
  for (const key of Object.keys(a)) {
    if (!b[key]) found.push(`zh: no translation of ${key}`);
    else if (holes(a[key] ?? '') !== holes(b[key] ?? '')) found.push(`zh: ${key} has other placeholders`);
    if (!all.includes(`'${key}'`) && !all.includes(`word('${key.slice(0, key.indexOf('.'))}'`)) found.push(`${key} is used nowhere`);
  }
  for (const key of Object.keys(b)) if (!a[key]) found.push(`en: no translation of ${key}`);
  for (const [key, file] of used) if (!a[key]) found.push(`${file} asks for ${key}, which nobody says`);
  return found;
}

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => {
    const path = join(dir, e.name);
    if (e.isDirectory()) return e.name === 'i18n' ? [] : sources(path);
    return /\.(svelte|ts)$/.test(e.name) && !e.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** Every text that the sources ask for by a literal key. */
function asked(files: string[]): { used: Map<string, string>; all: string } {
  const used = new Map<string, string>();
  let all = '';
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    all += text;
    for (const m of text.matchAll(/\bt\(\s*['"]([\w.-]+)['"]/g)) if (m[1]) used.set(m[1], file);
  }
  return { used, all };
}

/** Fails the build when a text is not there in every language. */
export function translations(): Plugin {
  return {
    name: 'translations',
    buildStart() {
      const { used, all } = asked(sources('src'));
      const found = mistakes(en, zh, used, all);
      if (found.length > 0) this.error(`translations:\n  ${found.join('\n  ')}`);
    }
  };
}

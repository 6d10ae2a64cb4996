import { chooseLanguage } from '#lib/i18n/index.svelte.ts';

export const ssr = false;
export const prerender = false;
export const trailingSlash = 'never';

export async function load(): Promise<void> {
  await chooseLanguage();
}

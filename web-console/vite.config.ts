import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vitest/config';
import { sourcesHash } from './scripts/sources.mjs';
import { translations } from './scripts/translations.ts';

/** Where the API is during development: the fake of `npm run fake`, or a real executable. */
const backend = process.env.LLM_LINK_URL ?? 'http://127.0.0.1:4800';

export default defineConfig({
  plugins: [
    translations(),
    tailwindcss(),
    sveltekit({
      compilerOptions: { runes: true },
      adapter: adapter({ pages: 'build', fallback: 'index.html' }),
      // The same sources always give the same bytes; an old page finds out that it is old.
      version: { name: sourcesHash(import.meta.dirname).slice(0, 16), pollInterval: 0 },
      output: { bundleStrategy: 'split' }
    })
  ],
  server: {
    proxy: Object.fromEntries(['/api', '/v1', '/health', '/ready'].map((p) => [p, { target: backend, ws: true }]))
  },
  build: {
    target: 'es2022',
    sourcemap: false,
    rolldownOptions: {
      output: {
        // Few files that many pages share, instead of one for each icon.
        codeSplitting: {
          groups: [
            { name: 'icons', test: /@lucide\/svelte/ },
            { name: 'shared', test: /node_modules|src\/lib/, minShareCount: 4 }
          ]
        }
      }
    }
  },
  test: { include: ['src/**/*.test.ts', 'scripts/**/*.test.ts'] }
});

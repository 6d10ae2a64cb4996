// Turns SvelteKit's output in build/ into what the executable embeds: dist/, every file compressed twice
// (brotli for browsers that take it, gzip for all others), and a table of them.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { sourcesHash } from './sources.mjs';

const root = new URL('..', import.meta.url).pathname;
const from = join(root, 'build');
const to = join(root, 'dist');
const TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  json: 'application/json'
};

function files(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(join(dir, e.name)) : [join(dir, e.name)]));
}

const digest = (bytes, form) => createHash('sha256').update(bytes).digest(form);

/** The page's own inline scripts by their hashes: the policy lets these run and no others. */
function policy(html) {
  const scripts = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map((m) => `'sha256-${digest(m[1], 'base64')}'`);
  return [
    "default-src 'none'",
    `script-src 'self' ${scripts.join(' ')}`.trim(),
    "style-src 'self'",
    // What hides SvelteKit's announcer of new pages from eyes.
    "style-src-attr 'unsafe-hashes' 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'"
  ].join('; ');
}

rmSync(to, { recursive: true, force: true });
const rows = [];
let first = 0;
for (const file of files(from).sort()) {
  const path = relative(from, file);
  const type = TYPES[path.split('.').pop()];
  if (!type) throw new Error(`${path}: a file of no known type`);
  let bytes = readFileSync(file);
  if (path === 'index.html') bytes = Buffer.from(bytes.toString().replace(/\n\s*/g, '\n').replaceAll('\t', ''));
  const out = join(to, 'files', path);
  mkdirSync(join(out, '..'), { recursive: true });
  const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  writeFileSync(`${out}.br`, br);
  writeFileSync(`${out}.gz`, gzipSync(bytes, { level: 9 }));
  rows.push([path, type, digest(bytes, 'hex').slice(0, 16), path.startsWith('_app/immutable/') ? 'immutable' : 'revalidate'].join('\t'));
  if (path === 'index.html') writeFileSync(join(to, 'policy.txt'), policy(bytes.toString()) + '\n');
  first += br.length;
}
writeFileSync(join(to, 'files.tsv'), rows.join('\n') + '\n');
writeFileSync(join(to, 'sources.sha256'), sourcesHash(root) + '\n');
console.log(`dist: ${rows.length} files, ${Math.round(first / 1024)} KiB in brotli`);

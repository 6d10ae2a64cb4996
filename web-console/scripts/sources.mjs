// What a bundle is made from: one hash over the names and bytes of all sources. `tests` computes the same.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

const TREES = ['src', 'static', 'scripts'];
const FILES = ['package-lock.json', 'package.json', 'tsconfig.json', 'vite.config.ts'];

/** @type {(dir: string) => string[]} */
function files(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(join(dir, e.name)) : [join(dir, e.name)]));
}

/** @type {(root: string) => string} */
export function sourcesHash(root) {
  const paths = [...TREES.flatMap((t) => files(join(root, t))), ...FILES.map((f) => join(root, f))].map((p) => relative(root, p)).sort();
  const hash = createHash('sha256');
  for (const path of paths) {
    const bytes = readFileSync(join(root, path));
    hash.update(`${path}\0${bytes.length}\0`);
    hash.update(bytes);
  }
  return hash.digest('hex');
}

// Fails when dist/ is not what a build of the sources gives. Compressed bytes may differ between versions of
// Node: what they hold must not.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

const root = new URL('..', import.meta.url).pathname;
const dist = join(root, 'dist');
const was = mkdtempSync(join(tmpdir(), 'console-'));

function files(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(join(dir, e.name)) : [join(dir, e.name)]));
}

function contents(dir) {
  const plain = (path) => {
    const bytes = readFileSync(path);
    return path.endsWith('.br') ? brotliDecompressSync(bytes) : path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  };
  return new Map(files(dir).map((p) => [relative(dir, p), plain(p).toString('base64')]));
}

cpSync(dist, was, { recursive: true });
const committed = contents(was);
execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
const built = contents(dist);
rmSync(dist, { recursive: true });
cpSync(was, dist, { recursive: true });
rmSync(was, { recursive: true });

const names = [...new Set([...committed.keys(), ...built.keys()])].sort();
const differing = names.filter((n) => committed.get(n) !== built.get(n));
if (differing.length > 0) {
  console.error(`web-console/dist is stale; run \`npm run build\` in web-console and commit it:\n  ${differing.slice(0, 20).join('\n  ')}`);
  process.exit(1);
}
console.log('web-console/dist is what its sources give');

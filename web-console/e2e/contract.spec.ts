import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, test } from './stack.ts';

interface Schema {
  properties?: Record<string, unknown>;
  enum?: string[];
}

/** Every interface of the console's types with its fields, and every union of words. */
function types(): { fields: Map<string, string[]>; words: Map<string, string[]> } {
  const path = new URL('../src/lib/api/types.ts', import.meta.url).pathname;
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const fields = new Map<string, string[]>();
  const words = new Map<string, string[]>();
  file.forEachChild((node) => {
    if (ts.isInterfaceDeclaration(node)) fields.set(node.name.text, node.members.filter(ts.isPropertySignature).map((m) => m.name.getText(file)));
    if (ts.isTypeAliasDeclaration(node) && ts.isUnionTypeNode(node.type) && node.type.types.every((t) => ts.isLiteralTypeNode(t) && ts.isStringLiteral(t.literal))) {
      words.set(node.name.text, node.type.types.map((t) => ((t as ts.LiteralTypeNode).literal as ts.StringLiteral).text));
    }
  });
  return { fields, words };
}

test('the console reads what the API writes: every field, every word', async ({ stack }) => {
  const document = await stack.ask<{ components: { schemas: Record<string, Schema> }; paths: Record<string, Record<string, unknown>> }>('GET', '/openapi.json');
  const { fields, words } = types();
  const schemas = document.components.schemas;
  const differences: string[] = [];
  let compared = 0;
  for (const [name, known] of fields) {
    const served = schemas[name]?.properties;
    if (!served) continue;
    compared += 1;
    const there = Object.keys(served);
    for (const field of known) if (!there.includes(field)) differences.push(`${name}.${field} is not served`);
    for (const field of there) if (!known.includes(field)) differences.push(`${name}.${field} is served and not known`);
  }
  for (const [name, known] of words) {
    const served = schemas[name]?.enum;
    if (!served) continue;
    compared += 1;
    if ([...served].sort().join() !== [...known].sort().join()) differences.push(`${name}: served ${served.join(' ')}, known ${known.join(' ')}`);
  }
  expect(differences).toEqual([]);
  expect(compared).toBeGreaterThan(25);
});

test('the console asks for no path that is not served', async ({ stack }) => {
  const document = await stack.ask<{ paths: Record<string, unknown> }>('GET', '/openapi.json');
  const shape = (path: string) => path.replace(/^\/api\/v1/, '').replace(/\{[^}]+\}|\$\{[^}]+\}/g, '*');
  const served = new Set(Object.keys(document.paths).map(shape));
  const source = readFileSync(new URL('../src/lib/api/index.ts', import.meta.url).pathname, 'utf8');
  const asked = [...source.matchAll(/['`](\/[a-z][^'`]*)['`]/g)].map((m) => shape(m[1] ?? ''));
  expect(asked.length).toBeGreaterThan(40);
  expect(asked.filter((path) => !served.has(path))).toEqual([]);
});

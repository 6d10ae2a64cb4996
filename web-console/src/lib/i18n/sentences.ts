/**
 * Sentences that the server says in English, in another language: events, reasons, verdicts of a dry run. The English
 * sentence is its own key, with holes; what no pattern knows stays as the server said it, upstream's words always do.
 */

/** English with holes, and the same in the other language. A hole `{why*}` is itself a sentence. */
export type Pattern = readonly [english: string, other: string];

interface Reading {
  shape: RegExp;
  holes: { name: string; sentence: boolean }[];
  other: string;
}

/** Deeper than any sentence of the server; a bound for text that an upstream made up. */
const DEPTH = 4;

function read([english, other]: Pattern): Reading {
  const holes: Reading['holes'] = [];
  const shape = english.replace(/\{(\w+)(\*?)\}|[.*+?^${}()|[\]\\]/g, (all, name?: string, star?: string) => {
    if (!name) return `\\${all}`;
    holes.push({ name, sentence: star === '*' });
    return '(.+?)';
  });
  return { shape: new RegExp(`^${shape}$`, 's'), holes, other };
}

/** A translator with these patterns; the first that fits counts. */
export function translator(patterns: readonly Pattern[]): (sentence: string) => string {
  const readings = patterns.map(read);
  const known = new Map<string, string>();
  function say(sentence: string, depth: number): string {
    if (depth > DEPTH) return sentence;
    for (const { shape, holes, other } of readings) {
      const found = shape.exec(sentence);
      if (!found) continue;
      const filled = new Map(holes.map((hole, i) => [hole.name, hole.sentence ? say(found[i + 1] ?? '', depth + 1) : (found[i + 1] ?? '')]));
      return other.replace(/\{(\w+)\}/g, (all, name: string) => filled.get(name) ?? all);
    }
    return sentence;
  }
  return (sentence) => {
    let said = known.get(sentence);
    if (said === undefined) {
      if (known.size >= 500) known.clear();
      said = say(sentence, 0);
      known.set(sentence, said);
    }
    return said;
  };
}

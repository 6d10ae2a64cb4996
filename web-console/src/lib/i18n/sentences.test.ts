import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { translator } from './sentences.ts';
import { zhSentences } from './zh-sentences.ts';

const SERVER = join(import.meta.dirname, '../../../../supervisor/src');

/** All Rust sources; a string that goes on in the next line as one. */
function sources(): string {
  const files = readdirSync(SERVER, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.rs') && !f.includes('tests'));
  return files.map((f) => readFileSync(join(SERVER, f), 'utf8').replace(/\\\n\s*/g, '')).join('\n');
}

describe("the server's sentences", () => {
  const say = translator(zhSentences);

  it('are said in Chinese, with the sentences in them', () => {
    expect(
      [
        'process 4711 started',
        'process 4711 started; it is restart number 3',
        'it died: killed by SIGKILL',
        'exit code 101: it panicked; next try in 5 minutes',
        'the breaker of main/gpt-5 opened for 30 s after 5 failures in a row: 503: the model is on fire',
        'this call would go to main/quick because it is a last resort: its worker is degraded: it does not answer pings',
        'it takes no calls with images'
      ].map(say)
    ).toEqual([
      '进程 4711 已启动',
      '进程 4711 已启动，这是第 3 次重启',
      '进程退出：被 SIGKILL 终止',
      '退出码 101：程序崩溃（panic）；5 分钟后再试',
      'main/gpt-5 连续失败 5 次，熔断 30 秒：503: the model is on fire',
      '该调用将发往 main/quick：最后的选择：其工作进程性能下降：不响应心跳',
      '不接收带图片的调用'
    ]);
  });

  it('stay as they are when no pattern knows them', () => {
    for (const text of ['', 'something new', 'process started', '; starting again'.repeat(50)]) expect(typeof say(text)).toBe('string');
    expect(say('the upstream says: {why}')).toBe('the upstream says: {why}');
  });

  it('are all in its sources, and each hole is filled on both sides', () => {
    const text = sources();
    const missing = zhSentences.filter(([english]) => english.split(/`?\{\w+\*?\}`?/).some((part) => part.trim().length > 2 && !text.includes(part.trim())));
    expect(missing.map(([english]) => english)).toEqual([]);
    const holes = (s: string) => [...s.matchAll(/\{(\w+)\*?\}/g)].map((m) => m[1]).sort();
    for (const [english, chinese] of zhSentences) expect(holes(chinese), english).toEqual(holes(english));
  });
});

import { describe, expect, it } from 'vitest';
import { agent, bytes, change, count, micros, money, moneys, percent, price, relative, short, span } from './format.ts';

describe('numbers', () => {
  it('says nothing of what is not known, and 0 of what is 0', () => {
    for (const f of [(v: null | number) => count(v, 'en'), (v: null | number) => short(v, 'en'), micros, bytes]) {
      expect(f(null)).toBe('–');
      expect(f(0)).toMatch(/^0/);
    }
  });
  it('shortens only what is long', () => {
    expect(short(9_999, 'en')).toBe('9,999');
    expect(short(1_234_567, 'en')).toBe('1.23M');
    expect(short(123_456, 'zh-CN')).toBe('12.3万');
  });
  it('never rounds up to all', () => {
    expect(percent(99_999, 100_000, 'en', 2)).toBe('99.99%');
    expect(percent(1, 1, 'en')).toBe('100%');
    expect(percent(0, 0, 'en')).toBe('–');
  });
});

describe('times', () => {
  it('chooses the unit', () => {
    expect(['µs', 'ms', 's'].map((_, i) => micros([212, 4_200, 1_720_000][i]))).toEqual(['212 µs', '4.2 ms', '1.72 s']);
    expect(micros(125_000_000)).toBe('2 min 5 s');
    expect([59_000, 61_000, 3_660_000, 90_000_000].map(span)).toEqual(['59 s', '1 min 1 s', '1 h 1 min', '25 h']);
  });
  it('counts from the present', () => {
    expect(relative(0, 180_000, 'en')).toBe('3 min. ago');
    expect(relative(2 * 86_400_000, 0, 'en')).toBe('in 2 days');
  });
});

describe('money', () => {
  it('knows billionths and currencies', () => {
    expect(money(7_100_000, 'USD', 'en')).toBe('$0.0071');
    expect(money(12_340_000_000, 'CNY', 'en')).toBe('¥12.34');
    expect(moneys({ USD: 1e9, EUR: 2e9 }, 'en')).toBe('$1.00 + €2.00');
    expect(price(1_250_000, 'USD', 'en')).toBe('$1.25');
  });
  it('compares with before', () => {
    expect([change(110, 100, 'en'), change(90, 100, 'en'), change(1, 0, 'en')]).toEqual(['+10%', '-10%', null]);
  });
});

describe('a client', () => {
  it('is named by its browser and system, or by its own first word', () => {
    const mozilla = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';
    expect([mozilla, `${mozilla} Edg/131.0.1`, 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15', 'curl/8.5.0', 'node', '', 'Mozilla/5.0'].map(agent)).toEqual([
      'Chrome 131 · Linux',
      'Edge 131 · Linux',
      'Safari 18 · macOS',
      'curl/8.5.0',
      'node',
      '–',
      'Mozilla/5.0'
    ]);
  });
});

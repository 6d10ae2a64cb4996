import { expect, it } from 'vitest';
import { mistakes } from './translations.ts';

it('finds what is missing, left over, different or unknown', () => {
  const found = mistakes({ 'a.b': 'x {n}', 'a.c': 'y', 'a.d': 'z' }, { 'a.b': 'x', 'a.d': 'z', 'a.e': '' }, new Map([['a.f', 'page']]), "t('a.b') t('a.c')");
  expect(found).toEqual([
    'zh: a.b has other placeholders',
    'zh: no translation of a.c',
    'a.d is used nowhere',
    'en: no translation of a.e',
    'page asks for a.f, which nobody says'
  ]);
});

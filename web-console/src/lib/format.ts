/** Numbers, times and money as people read them. Pure: the language and the present are parameters. */

const cache = new Map<string, Intl.NumberFormat>();

function formatter(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  let made = cache.get(key);
  if (!made) cache.set(key, (made = new Intl.NumberFormat(locale, options)));
  return made;
}

export const NONE = '–';

export function count(value: number | null | undefined, locale: string): string {
  return value === null || value === undefined ? NONE : formatter(locale, { maximumFractionDigits: 0 }).format(value);
}

/** 1.2M; what is below ten thousand is written out. */
export function short(value: number | null | undefined, locale: string): string {
  if (value === null || value === undefined) return NONE;
  if (Math.abs(value) < 10_000) return count(value, locale);
  return formatter(locale, { notation: 'compact', maximumSignificantDigits: 3 }).format(value);
}

export function rate(value: number | null | undefined, locale: string): string {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return '0';
  return formatter(locale, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

/** `part` of `whole` in percent; nothing of nothing is unknown. */
export function percent(part: number, whole: number, locale: string, digits = 1): string {
  if (whole <= 0) return NONE;
  const value = part / whole;
  // 99.96 % is not 100 %.
  const rounded = value < 1 && value > 1 - 0.5 / 10 ** (digits + 2) ? 1 - 1 / 10 ** (digits + 2) : value;
  return formatter(locale, { style: 'percent', maximumFractionDigits: digits }).format(rounded);
}

export function micros(us: number | null | undefined): string {
  if (us === null || us === undefined) return NONE;
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  if (us < 60_000_000) return `${(us / 1_000_000).toFixed(us < 10_000_000 ? 2 : 1)} s`;
  return span(us / 1000);
}

/** A length of time: 3 h 5 min. */
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return s % 60 && m < 10 ? `${m} min ${s % 60} s` : `${m} min`;
  const h = Math.floor(m / 60);
  if (h < 48) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
  const d = Math.floor(h / 24);
  return h % 24 && d < 10 ? `${d} d ${h % 24} h` : `${d} d`;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value < 1024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let v = value;
  let unit = -1;
  while (v >= 1024 && unit < units.length - 1) {
    v /= 1024;
    unit += 1;
  }
  return `${v < 10 ? v.toFixed(1) : Math.round(v)} ${units[unit]}`;
}

/** Billionths of a currency unit. */
export function money(nano: number | null | undefined, currency: string | null, locale: string): string {
  if (nano === null || nano === undefined) return NONE;
  const value = nano / 1e9;
  const digits = value !== 0 && Math.abs(value) < 0.01 ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  if (!currency || !/^[A-Z]{3}$/.test(currency)) return formatter(locale, digits).format(value);
  return formatter(locale, { style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...digits }).format(value);
}

/** Sums in several currencies. */
export function moneys(sums: Record<string, number>, locale: string): string {
  const all = Object.entries(sums).filter(([, nano]) => nano !== 0);
  return all.length === 0 ? NONE : all.map(([currency, nano]) => money(nano, currency, locale)).join(' + ');
}

/** Millionths of a currency unit per million tokens: one unit is a price of one per million. */
export function price(micro: number | null | undefined, currency: string, locale: string): string {
  return micro === null || micro === undefined ? NONE : money(micro * 1000, currency, locale);
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000]
];

/** 3 minutes ago; in 2 days. */
export function relative(at: number, now: number, locale: string): string {
  const distance = at - now;
  const rtf = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' });
  for (const [unit, ms] of STEPS) {
    if (Math.abs(distance) >= ms || unit === 'second') return rtf.format(Math.trunc(distance / ms), unit);
  }
  return '';
}

export function exact(at: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' }).format(at);
}

export function clock(at: number, locale: string, withDay = false): string {
  const day: Intl.DateTimeFormatOptions = withDay ? { month: 'short', day: 'numeric' } : {};
  return new Intl.DateTimeFormat(locale, { ...day, hour: '2-digit', minute: '2-digit', hour12: false }).format(at);
}

/** The time of day to the second. */
export function seconds(at: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }).format(at);
}

/** Change against before in percent, signed. */
export function change(now: number, before: number, locale: string): string | null {
  if (before <= 0) return null;
  return formatter(locale, { style: 'percent', maximumFractionDigits: 0, signDisplay: 'exceptZero' }).format(now / before - 1);
}

/** Checked in order: many browsers also name the one they descend from. */
const BROWSERS: [mark: RegExp, name: string][] = [
  [/Edg(?:A|iOS)?\/(\d+)/, 'Edge'],
  [/OPR\/(\d+)/, 'Opera'],
  [/(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/(?:Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/Version\/(\d+).*Safari\//, 'Safari']
];
const SYSTEMS: [mark: RegExp, name: string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux|X11/, 'Linux']
];

/** What a User-Agent header (RFC 9110, 10.1.5) names, shortly: a browser and its system, or a program's first word. */
export function agent(header: string): string {
  if (!header.startsWith('Mozilla/')) return header.split(' ')[0] || NONE;
  const browser = BROWSERS.map(([mark, name]) => [name, mark.exec(header)?.[1]] as const).find(([, version]) => version);
  const system = SYSTEMS.find(([mark]) => mark.test(header))?.[1];
  return [browser?.join(' '), system].filter(Boolean).join(' · ') || header;
}

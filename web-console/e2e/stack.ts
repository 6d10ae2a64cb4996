/** The real executable, running in a directory of its own, with an upstream behind it. */

import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Upstream } from './upstream.ts';

export { expect } from '@playwright/test';
export const ADMIN = { user: 'ada', password: 'correct horse battery' };
/** Of the app that is in the file. */
export const FILE_KEY = 'team-key-0123456789abcdef';
const ROOT = new URL('../..', import.meta.url).pathname;

function executable(): string {
  const path = process.env.LLM_LINK_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/llm-link');
  if (!existsSync(path)) throw new Error(`${path} is missing: cargo build -p supervisor`);
  return path;
}

export class Stack {
  log = '';
  url = '';
  private token = '';
  private readonly dir = mkdtempSync(join(tmpdir(), 'llm-link-console-'));
  private child: ChildProcess | null = null;

  private constructor(readonly upstream: Upstream) {}

  private file(name: string, text: string): void {
    writeFileSync(join(this.dir, name), `${text}\n`, { mode: 0o600 });
  }

  /** One provider and one app that are in the file: read-only for the console. */
  private configuration(): string {
    return [
      '[server]',
      'listen = "127.0.0.1:0"',
      '[[providers]]',
      'name = "main"',
      'preset = "openai"',
      `base_url = "${this.upstream.url}"`,
      `key = { file = "${join(this.dir, 'provider.key')}" }`,
      'models = ["quick", "slow", "broken"]',
      '[[apps]]',
      'name = "team"',
      `keys = [{ file = "${join(this.dir, 'app.key')}" }]`
    ].join('\n');
  }

  static async start(): Promise<Stack> {
    const stack = new Stack(await Upstream.start());
    const config = join(stack.dir, 'llm-link.toml');
    stack.file('provider.key', 'sk-good');
    stack.file('app.key', FILE_KEY);
    stack.file('llm-link.toml', stack.configuration());
    const child = spawn(executable(), ['serve', '--config', config, '--state-dir', join(stack.dir, 'state')], {
      env: { PATH: process.env.PATH, HOME: stack.dir, XDG_RUNTIME_DIR: stack.dir, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe']
    });
    stack.child = child;
    const collect = (bytes: Buffer) => (stack.log += bytes.toString());
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    await until(() => /listening on/.test(stack.log), () => `llm-link does not listen:\n${stack.log}`);
    stack.url = `http://${/listening on (?:http:\/\/)?([\d.]+:\d+)/.exec(plain(stack.log))?.[1] ?? ''}`;
    return stack;
  }

  async stop(): Promise<void> {
    const child = this.child;
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 8000);
      await ended;
      clearTimeout(timer);
    }
    await this.upstream.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The one-time link that was printed at the start. */
  async setupLink(): Promise<string> {
    const found = () => /http:\/\/\S+\/setup#token=[\w-]+/.exec(plain(this.log))?.[0];
    await until(() => found() !== undefined, () => `no setup link:\n${this.log}`);
    return found() ?? '';
  }

  /** Makes the administrator, as the setup page does; keeps a token for the test's own questions. */
  async setUp(): Promise<void> {
    const token = /token=(.+)$/.exec(await this.setupLink())?.[1];
    const grant = await this.ask('POST', '/setup', { token, ...ADMIN, cookie: false });
    this.token = (grant as { access: string }).access;
  }

  async ask<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { ...(this.token ? { authorization: `Bearer ${this.token}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  /** Signs in as somebody; for those who have no token from the setup. */
  async signIn(user: string, password: string): Promise<void> {
    this.token = (await this.ask<{ access: string }>('POST', '/auth/login', { user, password })).access;
  }

  async addProvider(name: string, key = 'sk-good'): Promise<void> {
    await this.ask('POST', '/providers', { spec: { name, preset: 'openai', base_url: this.upstream.url }, key: { text: key } });
    await until(async () => (await this.provider(name)).status?.state === 'ready', () => `${name} is not ready:\n${this.log}`);
    await this.ask('POST', `/providers/${name}/discover`);
  }

  provider(name: string): Promise<{ status: { state: string; generation: number } | null; keys: { label: string; tail: string }[]; spec: { enabled: boolean } }> {
    return this.ask('GET', `/providers/${name}`);
  }

  async addApp(name: string): Promise<string> {
    await this.ask('POST', '/apps', { spec: { name } });
    const made = await this.ask<{ now: { is: { key: string } } }>('POST', `/apps/${name}/keys`, { label: 'test' });
    return made.now.is.key;
  }

  call(key: string, model: string, stream = false): Promise<Response> {
    return fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'hi' }] })
    });
  }

  async routerPid(): Promise<number> {
    return (await this.ask<{ router: { pid: number } }>('GET', '/status')).router.pid;
  }
}

/** Runs a snippet as it stands there. Not blocking: the upstream is in this process. */
export async function shell(snippet: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', snippet.replace('curl ', 'curl -sS --max-time 20 ')], { encoding: 'utf8' });
  return stdout;
}

/** Polls until something is so. */
export async function until(check: () => boolean | Promise<boolean>, why: () => string, ms = 30_000): Promise<void> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      if (await check()) return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    if (Date.now() > end) throw new Error(why());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Without colours. */
function plain(text: string): string {
  return text.replace(/\x1b\[[\d;]*m/g, '');
}

/** Signs the browser in, without the form. */
export async function enter(context: BrowserContext, stack: Stack, who = ADMIN): Promise<void> {
  const response = await context.request.post(`${stack.url}/api/v1/auth/login`, { data: { ...who, cookie: true } });
  expect(response.status(), await response.text()).toBe(200);
}

/** What no page may do: break its own policy, ask another machine, or throw. */
export function guard(page: Page, stack: Stack): string[] {
  const offences: string[] = [];
  page.on('console', (m) => {
    if (/Content Security Policy|Refused to/i.test(m.text())) offences.push(m.text());
  });
  page.on('pageerror', (e) => offences.push(e.message));
  page.on('request', (r) => {
    const url = r.url();
    if (!url.startsWith(stack.url) && !url.startsWith('data:') && !url.startsWith('blob:') && !url.startsWith(stack.url.replace('http', 'ws'))) offences.push(`asked ${url}`);
  });
  return offences;
}

/** One stack for the tests of a file, set up unless they do that themselves. */
export const test = base.extend<{ page: Page }, { bare: Stack; stack: Stack }>({
  bare: [
    async ({}, use) => {
      const stack = await Stack.start();
      await use(stack);
      await stack.stop();
    },
    { scope: 'worker' }
  ],
  stack: [
    async ({ bare }, use) => {
      await bare.setUp();
      await use(bare);
    },
    { scope: 'worker' }
  ]
});

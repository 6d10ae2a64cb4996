/** One conversation of the playground: what was said, what came back, and the bytes of both. */

import type { Dialect } from '#lib/api/types.ts';
import { Reader, request, type Turn } from './wire.ts';

export interface Settings {
  dialect: Dialect;
  model: string;
  system: string;
  maxTokens: number;
  key: string;
}

export interface Answered {
  status: number;
  firstMs: number | null;
  tookMs: number;
  headers: [string, string][];
}

const RAW = 200_000;

export class Chat {
  turns = $state<Turn[]>([]);
  thought = $state('');
  busy = $state(false);
  failure = $state<string | null>(null);
  sent = $state('');
  received = $state('');
  answered = $state.raw<Answered | null>(null);
  private abort: AbortController | null = null;

  clear(): void {
    this.turns = [];
    this.thought = this.sent = this.received = '';
    this.failure = this.answered = null;
  }

  stop(): void {
    this.abort?.abort();
  }

  async send(text: string, settings: Settings): Promise<void> {
    this.turns.push({ role: 'user', text });
    const { path, body } = request(settings.dialect, settings.model, settings.system, this.turns, settings.maxTokens);
    this.turns.push({ role: 'assistant', text: '' });
    this.begin(path, body);
    const began = performance.now();
    let first: number | null = null;
    this.abort = new AbortController();
    try {
      const response = await fetch(path, {
        method: 'POST',
        credentials: 'omit',
        headers: { 'content-type': 'application/json', ...(settings.key ? { authorization: `Bearer ${settings.key}` } : {}) },
        body: JSON.stringify(body),
        signal: this.abort.signal
      });
      const headers = [...response.headers].filter(([n]) => n.startsWith('x-llm-link') || n === 'content-type' || n === 'deprecation' || n === 'sunset');
      const note = () => (this.answered = { status: response.status, firstMs: first, tookMs: performance.now() - began, headers });
      note();
      const reader = new Reader(settings.dialect);
      const decoder = new TextDecoder();
      const stream = response.body?.getReader();
      for (let part = await stream?.read(); part && !part.done; part = await stream?.read()) {
        first ??= performance.now() - began;
        this.take(reader, decoder.decode(part.value, { stream: true }));
        note();
      }
      this.add(reader.end());
      note();
      if (!response.ok && this.failure === null) this.failure = `HTTP ${response.status}`;
    } catch (error) {
      if (!this.abort.signal.aborted) this.failure = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
      this.abort = null;
      const last = this.turns.at(-1);
      // Nothing said is no turn: the next request must not carry it.
      if (last?.role === 'assistant' && last.text === '') this.turns.splice(-1);
    }
  }

  private begin(path: string, body: unknown): void {
    this.busy = true;
    this.failure = null;
    this.answered = null;
    this.thought = '';
    this.received = '';
    this.sent = `POST ${path}\ncontent-type: application/json\n\n${JSON.stringify(body, null, 2)}`;
  }

  private take(reader: Reader, chunk: string): void {
    if (this.received.length < RAW) this.received += chunk;
    this.add(reader.feed(chunk));
  }

  private add(piece: { text: string; thought: string; failure: string | null }): void {
    const last = this.turns.at(-1);
    if (last?.role === 'assistant') last.text += piece.text;
    this.thought += piece.thought;
    this.failure ??= piece.failure;
  }
}

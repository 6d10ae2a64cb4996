/** A chat in each dialect: the request's bytes, and the text out of the answer's. Pure. */

import type { Dialect, Json } from '#lib/api/types.ts';

export interface Turn {
  role: 'user' | 'assistant';
  text: string;
}

export interface Asked {
  path: string;
  body: Json;
}

export function request(dialect: Dialect, model: string, system: string, turns: Turn[], maxTokens: number): Asked {
  const messages = turns.map((t) => ({ role: t.role, content: t.text }));
  const withSystem = system ? [{ role: 'system', content: system }, ...messages] : messages;
  switch (dialect) {
    case 'openai-chat':
      return { path: '/v1/chat/completions', body: { model, messages: withSystem, max_tokens: maxTokens, stream: true, stream_options: { include_usage: true } } };
    case 'openai-responses':
      return { path: '/v1/responses', body: { model, ...(system ? { instructions: system } : {}), input: messages, max_output_tokens: maxTokens, stream: true, store: false } };
    case 'anthropic':
      return { path: '/v1/messages', body: { model, ...(system ? { system } : {}), messages, max_tokens: maxTokens, stream: true } };
    case 'ollama':
      return { path: '/api/chat', body: { model, messages: withSystem, stream: true, options: { num_predict: maxTokens } } };
    case 'gemini':
      return {
        path: `/v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse`,
        body: {
          ...(system ? { systemInstruction: { parts: [{ text: system }] } } : {}),
          contents: turns.map((t) => ({ role: t.role === 'user' ? 'user' : 'model', parts: [{ text: t.text }] })),
          generationConfig: { maxOutputTokens: maxTokens }
        }
      };
  }
}

/** What a piece of the answer adds. */
export interface Piece {
  text: string;
  thought: string;
  failure: string | null;
}

/** Reads an answer as it comes, however it is cut. */
export class Reader {
  private rest = '';
  constructor(private readonly dialect: Dialect) {}

  feed(chunk: string): Piece {
    this.rest += chunk;
    const lines = this.rest.split(/\r?\n/);
    this.rest = lines.pop() ?? '';
    return this.read(lines);
  }

  /** What stands there when the answer has ended, a whole JSON answer included. */
  end(): Piece {
    const last = this.rest;
    this.rest = '';
    return this.read([last]);
  }

  private read(lines: string[]): Piece {
    const sum: Piece = { text: '', thought: '', failure: null };
    for (const line of lines) {
      const json = line.startsWith('data:') ? line.slice(5).trim() : line.startsWith('{') ? line : '';
      if (json === '' || json === '[DONE]') continue;
      let event: Json;
      try {
        event = JSON.parse(json) as Json;
      } catch {
        continue;
      }
      const piece = this.event(event);
      sum.text += piece.text;
      sum.thought += piece.thought;
      sum.failure ??= piece.failure;
    }
    return sum;
  }

  private event(e: Json): Piece {
    const failure = at(e, 'error', 'message') ?? at(e, 'response', 'error', 'message') ?? (typeof get(e, 'error') === 'string' ? String(get(e, 'error')) : null);
    const piece = (text: unknown, thought: unknown = ''): Piece => ({ text: str(text), thought: str(thought), failure: failure === null ? null : String(failure) });
    switch (this.dialect) {
      case 'openai-chat': {
        const delta = at(e, 'choices', 0, 'delta') ?? at(e, 'choices', 0, 'message');
        return piece(get(delta, 'content'), get(delta, 'reasoning_content') ?? get(delta, 'reasoning'));
      }
      case 'openai-responses':
        if (get(e, 'type') === 'response.output_text.delta') return piece(get(e, 'delta'));
        return piece('', String(get(e, 'type') ?? '').startsWith('response.reasoning') ? get(e, 'delta') : '');
      case 'anthropic':
        return piece(at(e, 'delta', 'text'), at(e, 'delta', 'thinking'));
      case 'ollama':
        return piece(at(e, 'message', 'content'), at(e, 'message', 'thinking'));
      case 'gemini': {
        const parts = at(e, 'candidates', 0, 'content', 'parts');
        const list = Array.isArray(parts) ? parts : [];
        const texts = (thought: boolean) => list.filter((p) => (get(p, 'thought') === true) === thought).map((p) => str(get(p, 'text'))).join('');
        return piece(texts(false), texts(true));
      }
    }
  }
}

const str = (value: unknown) => (typeof value === 'string' ? value : '');

function get(value: unknown, key: string | number): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[key] : undefined;
}

function at(value: unknown, ...path: (string | number)[]): Json | null {
  return (path.reduce<unknown>(get, value) ?? null) as Json | null;
}

import { describe, expect, it } from 'vitest';
import { DIALECTS, type Dialect } from '../../../lib/api/types.ts';
import { Reader, request } from './wire.ts';

const STREAMS: Record<Dialect, string> = {
  'openai-chat': 'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\ndata: {"choices":[{"delta":{"content":"He"}}]}\n\ndata: {"choices":[{"delta":{"content":"llo"}}]}\n\ndata: [DONE]\n\n',
  'openai-responses': 'event: x\ndata: {"type":"response.reasoning_summary_text.delta","delta":"hm"}\n\ndata: {"type":"response.output_text.delta","delta":"Hello"}\n\n',
  anthropic: 'event: content_block_delta\ndata: {"delta":{"type":"thinking_delta","thinking":"hm"}}\n\nevent: content_block_delta\ndata: {"delta":{"type":"text_delta","text":"Hello"}}\n\n',
  ollama: '{"message":{"thinking":"hm","content":""}}\n{"message":{"content":"Hel"}}\n{"message":{"content":"lo"},"done":true}\n',
  gemini: 'data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Hel"}]}}]}\r\n\r\ndata: {"candidates":[{"content":{"parts":[{"text":"lo"}]}}]}\r\n\r\n'
};

describe.each(DIALECTS)('%s', (dialect) => {
  it('reads a stream however it is cut', () => {
    const stream = STREAMS[dialect];
    for (const size of [1, 3, 17, stream.length]) {
      const reader = new Reader(dialect);
      const pieces = [];
      for (let i = 0; i < stream.length; i += size) pieces.push(reader.feed(stream.slice(i, i + size)));
      pieces.push(reader.end());
      expect(pieces.map((p) => p.text).join('')).toBe('Hello');
      expect(pieces.map((p) => p.thought).join('')).toBe('hm');
    }
  });
  it('says what went wrong', () => {
    const reader = new Reader(dialect);
    reader.feed('{"error":{"message":"no credit"}}');
    expect(reader.end().failure).toBe('no credit');
  });
  it('asks with what was said', () => {
    const { path, body } = request(dialect, 'm/1', 'be brief', [{ role: 'user', text: 'hi' }], 9);
    expect(path + JSON.stringify(body)).toMatch(/m(%2F|\/)1/);
    expect(JSON.stringify(body)).toContain('be brief');
  });
});

/** A recorded call as a command line. Bodies are never kept: the message is an example. */

import type { CallSummary } from '#lib/api/types.ts';

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function asCurl(call: CallSummary, origin: string): string {
  const { path, body } = request(call);
  return [`curl ${quote(origin + path)}`, `-H 'authorization: Bearer YOUR_KEY'`, `-H 'content-type: application/json'`, `-d ${quote(JSON.stringify(body))}`].join(' \\\n  ');
}

function request({ dialect, model, stream, operation }: CallSummary): { path: string; body: unknown } {
  const messages = [{ role: 'user', content: 'Say hello.' }];
  if (operation === 'embed') return { path: '/v1/embeddings', body: { model, input: 'hello' } };
  switch (dialect) {
    case 'openai-chat':
      return operation === 'complete' ? { path: '/v1/completions', body: { model, prompt: 'Say hello.', stream } } : { path: '/v1/chat/completions', body: { model, messages, stream } };
    case 'openai-responses':
      return { path: '/v1/responses', body: { model, input: 'Say hello.', stream } };
    case 'anthropic':
      return operation === 'count-tokens'
        ? { path: '/v1/messages/count_tokens', body: { model, messages } }
        : { path: '/v1/messages', body: { model, max_tokens: 256, messages, stream } };
    case 'ollama':
      return { path: operation === 'complete' ? '/api/generate' : '/api/chat', body: operation === 'complete' ? { model, prompt: 'Say hello.', stream } : { model, messages, stream } };
    case 'gemini':
      return {
        path: `/v1beta/models/${encodeURIComponent(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
        body: { contents: [{ role: 'user', parts: [{ text: 'Say hello.' }] }] }
      };
  }
}

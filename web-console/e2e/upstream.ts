/** A provider for the tests: OpenAI's dialect on a real socket. `slow` streams for a while, `broken` fails. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const MODELS = ['quick', 'slow', 'broken'];
const CHUNKS = 150;
const PAUSE_MS = 100;

export class Upstream {
  /** Keys that are let in. */
  keys = new Set(['sk-good', 'sk-second']);
  seen: { key: string; model: string }[] = [];
  private constructor(
    private readonly server: Server,
    readonly url: string
  ) {}

  static async start(): Promise<Upstream> {
    let upstream: Upstream | null = null;
    const server = createServer((request, response) => void upstream?.serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    upstream = new Upstream(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
    return upstream;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const key = (request.headers.authorization ?? '').replace('Bearer ', '');
    const json = (status: number, body: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (!this.keys.has(key)) return void json(401, { error: { message: 'Incorrect API key provided.', type: 'invalid_request_error', code: 'invalid_api_key' } });
    if (request.url?.endsWith('/models')) return void json(200, { object: 'list', data: MODELS.map((id) => ({ id, object: 'model', owned_by: 'test' })) });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as { model: string; stream?: boolean };
    this.seen.push({ key, model: asked.model });
    if (asked.model === 'broken') return void json(500, { error: { message: 'the model is on fire', type: 'server_error' } });
    const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 };
    const base = { id: 'chatcmpl-1', created: 1, model: asked.model };
    if (!asked.stream) {
      return void json(200, { ...base, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: 'Hello from upstream.' }, finish_reason: 'stop' }], usage });
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const event = (value: unknown) => response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', ...(value as object) })}\n\n`);
    const words = asked.model === 'slow' ? Array.from({ length: CHUNKS }, (_, i) => `word${i} `) : ['Hello ', 'from ', 'upstream.'];
    for (const content of words) {
      event({ choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }] });
      if (asked.model === 'slow') await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      if (response.destroyed) return;
    }
    event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
    event({ choices: [], usage });
    response.end('data: [DONE]\n\n');
  }
}

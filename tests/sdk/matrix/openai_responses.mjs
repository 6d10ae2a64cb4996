// The official OpenAI client, Responses.

import OpenAI from "openai";
import { BASE, Seen, resultOf, run, table } from "./cases.mjs";

const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: "sdk", maxRetries: 0, timeout: 20_000 });

function given(row) {
  const url = `data:image/png;base64,${table.image}`;
  const image = { type: "input_image", image_url: url, detail: "auto" };
  const content = row.image ? [{ type: "input_text", text: table.prompt }, image] : table.prompt;
  return [{ role: "user", content }];
}

function options(row) {
  const format = { type: "json_schema", name: "weather", schema: table.schema, strict: true };
  return {
    instructions: table.system,
    store: false,
    ...(row.tools && { tools: [{ type: "function", strict: false, ...table.tool }] }),
    ...(row.schema && { text: { format } }),
    ...(row.reasoning && { reasoning: { effort: "medium", summary: "auto" }, include: ["reasoning.encrypted_content"] }),
  };
}

function note(response, seen) {
  for (const item of response.output) {
    if (item.type === "function_call") seen.call(item.name, item.arguments);
    if (item.type === "reasoning") for (const part of item.summary) seen.think(part.text);
  }
  seen.stop = response.status;
  const used = response.usage;
  const [cached, thought] = [used?.input_tokens_details?.cached_tokens, used?.output_tokens_details?.reasoning_tokens];
  if (used) seen.used(used.input_tokens, used.output_tokens, cached, thought);
  return response;
}

async function ask(row, model, input, seen) {
  const more = { model, input, ...options(row) };
  if (!row.stream) {
    const response = note(await client.responses.create(more), seen);
    seen.say(response.output_text);
    return response;
  }
  let final;
  for await (const event of await client.responses.create({ ...more, stream: true })) {
    if (event.type === "response.output_text.delta") seen.say(event.delta);
    if (event.type === "response.completed") final = event.response;
    if (event.type === "error") throw new OpenAI.APIError(undefined, event, event.message);
    if (event.type === "response.failed") throw new OpenAI.APIError(undefined, event, event.response.error.message);
  }
  return note(final, seen);
}

async function talk(row, model, seen) {
  const turns = given(row);
  const response = await ask(row, model, turns, seen);
  if (!row.then) return null;
  turns.push(...response.output);
  const calls = response.output.filter((item) => item.type === "function_call");
  calls.forEach((call, i) => {
    const output = resultOf(seen.calls[i].arguments);
    turns.push({ type: "function_call_output", call_id: call.call_id, output });
  });
  const later = new Seen();
  await ask(row, row.then, turns, later);
  return later.text;
}

async function count(row, model) {
  return (await client.responses.inputTokens.count({ model, input: table.prompt })).input_tokens;
}

const failure = (error) => (error instanceof OpenAI.APIError ? (error.status ?? 0) : null);
await run({ talk, count }, failure);

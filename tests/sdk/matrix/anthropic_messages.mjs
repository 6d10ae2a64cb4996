// The official Anthropic client.

import Anthropic from "@anthropic-ai/sdk";
import assert from "node:assert/strict";
import { BASE, Seen, resultOf, run, table } from "./cases.mjs";

const client = new Anthropic({ baseURL: BASE, apiKey: "sdk", maxRetries: 0, timeout: 20_000 });

function turnsOf(row) {
  const source = { type: "base64", media_type: "image/png", data: table.image };
  const image = [{ type: "image", source }, { type: "text", text: table.prompt }];
  return [{ role: "user", content: row.image ? image : table.prompt }];
}

function options(row) {
  const { name, description, parameters } = table.tool;
  return {
    system: table.system,
    max_tokens: 4096,
    ...(row.tools && { tools: [{ name, description, input_schema: parameters }] }),
    ...(row.schema && { output_config: { format: { type: "json_schema", schema: table.schema } } }),
    ...(row.reasoning && { thinking: { type: "enabled", budget_tokens: 2048 } }),
  };
}

function note(message, seen) {
  for (const block of message.content) {
    if (block.type === "tool_use") seen.call(block.name, block.input);
    if (block.type === "thinking") {
      seen.think(block.thinking);
      assert.ok(block.signature);
    }
  }
  seen.stop = message.stop_reason;
  const used = message.usage;
  const total = used.input_tokens + (used.cache_read_input_tokens ?? 0) + (used.cache_creation_input_tokens ?? 0);
  seen.used(total, used.output_tokens, used.cache_read_input_tokens, used.output_tokens_details?.thinking_tokens);
  return message;
}

async function ask(row, model, messages, seen) {
  const more = { model, messages, ...options(row) };
  if (!row.stream) {
    const message = note(await client.messages.create(more), seen);
    for (const block of message.content) if (block.type === "text") seen.say(block.text);
    return message;
  }
  const events = client.messages.stream(more);
  events.on("text", (text) => seen.say(text));
  return note(await events.finalMessage(), seen);
}

async function talk(row, model, seen) {
  const turns = turnsOf(row);
  const message = await ask(row, model, turns, seen);
  if (!row.then) return null;
  turns.push({ role: "assistant", content: message.content });
  const used = message.content.filter((block) => block.type === "tool_use");
  const result = (b) => ({ type: "tool_result", tool_use_id: b.id, content: resultOf(b.input) });
  turns.push({ role: "user", content: used.map(result) });
  const later = new Seen();
  await ask(row, row.then, turns, later);
  return later.text;
}

async function count(row, model) {
  const counted = await client.messages.countTokens({ model, messages: turnsOf(row), system: table.system });
  return counted.input_tokens;
}

async function models(row, model) {
  const listed = [];
  for await (const one of client.models.list()) listed.push(one.id);
  return listed.length ? (await client.models.retrieve(model)).id : null;
}

const failure = (error) => (error instanceof Anthropic.APIError ? (error.status ?? 0) : null);
await run({ talk, count, models }, failure);

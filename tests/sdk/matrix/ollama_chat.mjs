// Ollama's own client.

import { Ollama } from "ollama";
import { BASE, Seen, resultOf, run, table } from "./cases.mjs";

const client = new Ollama({ host: BASE });

function turnsOf(row) {
  const ask = { role: "user", content: table.prompt, ...(row.image && { images: [table.image] }) };
  return [{ role: "system", content: table.system }, ask];
}

function options(row) {
  return {
    ...(row.tools && { tools: [{ type: "function", function: table.tool }] }),
    ...(row.schema && { format: table.schema }),
    ...(row.reasoning && { think: true }),
  };
}

function note({ message, done, done_reason, prompt_eval_count, eval_count }, seen) {
  seen.say(message.content);
  seen.think(message.thinking);
  for (const call of message.tool_calls ?? []) seen.call(call.function.name, call.function.arguments);
  if (!done) return;
  seen.stop = done_reason;
  seen.used(prompt_eval_count, eval_count);
}

async function ask(row, model, messages, seen) {
  const answer = await client.chat({ model, messages, stream: Boolean(row.stream), ...options(row) });
  if (!row.stream) return note(answer, seen);
  for await (const part of answer) note(part, seen);
}

async function talk(row, model, seen) {
  const turns = turnsOf(row);
  await ask(row, model, turns, seen);
  if (!row.then) return null;
  const calls = seen.calls.map((call) => ({ function: call }));
  turns.push({ role: "assistant", content: seen.text, thinking: seen.reasoning, tool_calls: calls });
  for (const call of seen.calls) {
    turns.push({ role: "tool", tool_name: call.name, content: resultOf(call.arguments) });
  }
  const later = new Seen();
  await ask(row, row.then, turns, later);
  return later.text;
}

async function embed(row, model) {
  return (await client.embed({ model, input: ["x"] })).embeddings[0];
}

async function models(row, model) {
  const shown = await client.show({ model });
  const listed = (await client.list()).models.length;
  await client.ps();
  return listed && shown.capabilities.includes("completion") ? model : null;
}

// Its error has no class to ask for; one inside a stream is a plain one.
function failure(error) {
  if (error.name === "ResponseError") return error.status_code;
  return error.constructor === Error ? 0 : null;
}
await run({ talk, embed, models }, failure);

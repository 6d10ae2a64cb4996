// The official OpenAI client, Chat Completions.

import OpenAI from "openai";
import { BASE, Seen, resultOf, run, table } from "./cases.mjs";

const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: "sdk", maxRetries: 0, timeout: 20_000 });

function turnsOf(row) {
  const url = `data:image/png;base64,${table.image}`;
  const image = [{ type: "text", text: table.prompt }, { type: "image_url", image_url: { url } }];
  const content = row.image ? image : table.prompt;
  return [{ role: "system", content: table.system }, { role: "user", content }];
}

function options(row) {
  const schema = { name: "weather", schema: table.schema, strict: true };
  return {
    ...(row.tools && { tools: [{ type: "function", function: table.tool }] }),
    ...(row.schema && { response_format: { type: "json_schema", json_schema: schema } }),
    ...(row.reasoning && { reasoning_effort: "medium" }),
  };
}

function note(completion, seen) {
  const [choice] = completion.choices;
  for (const call of choice.message.tool_calls ?? []) seen.call(call.function.name, call.function.arguments);
  seen.stop = choice.finish_reason;
  const used = completion.usage;
  const [cached, thought] = [used?.prompt_tokens_details?.cached_tokens, used?.completion_tokens_details?.reasoning_tokens];
  if (used) seen.used(used.prompt_tokens, used.completion_tokens, cached, thought);
  return choice.message;
}

async function ask(row, model, messages, seen) {
  const more = { model, messages, ...options(row) };
  if (!row.stream) {
    const message = note(await client.chat.completions.create(more), seen);
    seen.say(message.content);
    seen.think(message.reasoning_content);
    return message;
  }
  const events = client.chat.completions.stream({ ...more, stream_options: { include_usage: true } });
  for await (const chunk of events) {
    seen.say(chunk.choices[0]?.delta.content);
    seen.think(chunk.choices[0]?.delta.reasoning_content);
  }
  return note(await events.finalChatCompletion(), seen);
}

async function talk(row, model, seen) {
  const turns = turnsOf(row);
  const message = await ask(row, model, turns, seen);
  if (!row.then) return null;
  turns.push(message);
  message.tool_calls.forEach((call, i) => {
    turns.push({ role: "tool", tool_call_id: call.id, content: resultOf(seen.calls[i].arguments) });
  });
  const later = new Seen();
  await ask(row, row.then, turns, later);
  return later.text;
}

async function several(row, model, seen) {
  const asked = { model, messages: turnsOf(row), n: 2 };
  const streamed = () => client.chat.completions.stream({ ...asked, stream_options: { include_usage: true } });
  const completion = row.stream
    ? await streamed().finalChatCompletion()
    : await client.chat.completions.create(asked);
  note(completion, seen);
  return completion.choices.map((choice) => choice.message.content);
}

async function embed(row, model) {
  return [...(await client.embeddings.create({ model, input: ["x"] })).data[0].embedding];
}

async function models(row, model) {
  const listed = [];
  for await (const one of client.models.list()) listed.push(one.id);
  return listed.length ? (await client.models.retrieve(model)).id : null;
}

const failure = (error) => (error instanceof OpenAI.APIError ? (error.status ?? 0) : null);
await run({ talk, several, embed, models }, failure);

// The official OpenAI client for JavaScript against BASE_URL; one line per case, exit status 1 if one failed.
// The scripted provider behind it knows the models used here (see tests/tests/sdk.rs).

import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "sdk", maxRetries: 0, timeout: 20_000 });
const messages = [{ role: "user", content: "Say hello" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
const cities = (calls) => calls.map((c) => JSON.parse(c.function.arguments).city);

const cases = {
  async unary() {
    const create = client.chat.completions.create({ model: "a/text", messages });
    const { data, response } = await create.withResponse();
    assert.equal(data.choices[0].message.content, "hello from the upstream");
    assert.equal(data.usage.total_tokens, 21);
    assert.ok(response.headers.get("x-llm-link-call-id"));
  },
  async stream() {
    let text = "";
    let usage;
    const ask = { model: "a/text", messages, stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await client.chat.completions.create(ask)) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, "hello from the upstream");
    assert.equal(usage.total_tokens, 21);
  },
  async tools() {
    const answer = await client.chat.completions.create({ model: "a/tools", messages, tools });
    assert.deepEqual(cities(answer.choices[0].message.tool_calls), ["Paris", "Rome"]);
  },
  async tools_stream() {
    const run = client.chat.completions.stream({ model: "a/tools-stream", messages, tools });
    const answer = await run.finalChatCompletion();
    assert.deepEqual(cities(answer.choices[0].message.tool_calls), ["Paris", "Rome"]);
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
  },
  async demo_tools_stream() {
    const run = client.chat.completions.stream({ model: "demo/demo-tools", messages, tools });
    const answer = await run.finalChatCompletion();
    assert.equal(typeof cities(answer.choices[0].message.tool_calls)[0], "string");
  },
  async errors() {
    const ask = (model) => client.chat.completions.create({ model, messages });
    await assert.rejects(ask("none-such"), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
    await assert.rejects(ask("a/bad"), (e) => e instanceof OpenAI.BadRequestError && e.param === "temperature");
    await assert.rejects(ask("a/limited"), (e) => e instanceof OpenAI.RateLimitError && e.status === 429);
    await assert.rejects(ask("a/broken"), (e) => e instanceof OpenAI.InternalServerError && e.status === 500);
  },
  async stream_error() {
    let text = "";
    const read = async () => {
      for await (const chunk of await client.chat.completions.create({ model: "a/cut", messages, stream: true })) {
        text += chunk.choices[0]?.delta.content ?? "";
      }
    };
    await assert.rejects(read(), (e) => e instanceof OpenAI.APIError);
    assert.equal(text, "c0 c1 c2 ");
  },
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes("text"), String(ids));
    assert.equal((await client.models.retrieve("a/text")).id, "a/text");
  },
  async embeddings() {
    const answer = await client.embeddings.create({ model: "a/embed", input: ["x"] });
    assert.deepEqual([...answer.data[0].embedding], [0.5, -1]);
  },
  async hang_up() {
    const controller = new AbortController();
    const ask = { model: "a/endless", messages, stream: true };
    const stream = await client.chat.completions.create(ask, { signal: controller.signal });
    let seen = 0;
    for await (const _ of stream) {
      seen += 1;
      if (seen === 3) controller.abort();
      assert.ok(seen < 100);
    }
    assert.ok(seen >= 3);
  },
};

let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    console.log("ok    ", name);
  } catch (error) {
    failed += 1;
    console.log("FAILED", name, error);
  }
}
console.log(`${Object.keys(cases).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

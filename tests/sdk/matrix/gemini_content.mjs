// The official Google GenAI client.

import { ApiError, GoogleGenAI } from "@google/genai";
import { BASE, Seen, resultOf, run, table } from "./cases.mjs";

const client = new GoogleGenAI({ apiKey: "sdk", httpOptions: { baseUrl: BASE, timeout: 20_000 } });

function contentsOf(row) {
  const image = { inlineData: { data: table.image, mimeType: "image/png" } };
  return [{ role: "user", parts: [{ text: table.prompt }, ...(row.image ? [image] : [])] }];
}

function config(row) {
  const { name, description, parameters } = table.tool;
  const tool = { name, description, parametersJsonSchema: parameters };
  return {
    systemInstruction: table.system,
    ...(row.tools && { tools: [{ functionDeclarations: [tool] }] }),
    ...(row.schema && { responseMimeType: "application/json", responseJsonSchema: table.schema }),
    ...(row.reasoning && { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } }),
  };
}

function note(answer, seen, parts) {
  const [candidate] = answer.candidates;
  for (const part of candidate.content?.parts ?? []) {
    parts.push(part);
    if (part.thought) seen.think(part.text);
    else if (part.functionCall) seen.call(part.functionCall.name, part.functionCall.args);
    else seen.say(part.text);
  }
  seen.stop = candidate.finishReason ?? seen.stop;
  const used = answer.usageMetadata;
  if (!used) return;
  const { thoughtsTokenCount: thought, candidatesTokenCount: made } = used;
  seen.used(used.promptTokenCount, made && made + (thought ?? 0), used.cachedContentTokenCount, thought);
}

async function ask(row, model, contents, seen) {
  const parts = [];
  const more = { model, contents, config: config(row) };
  if (row.stream) {
    for await (const chunk of await client.models.generateContentStream(more)) note(chunk, seen, parts);
  } else {
    note(await client.models.generateContent(more), seen, parts);
  }
  return parts.filter((part) => part.text !== "");
}

async function talk(row, model, seen) {
  const contents = contentsOf(row);
  const parts = await ask(row, model, contents, seen);
  if (!row.then) return null;
  contents.push({ role: "model", parts });
  const calls = parts.filter((part) => part.functionCall).map((part) => part.functionCall);
  const result = ({ id, name, args }) => ({ functionResponse: { id, name, response: { output: resultOf(args) } } });
  contents.push({ role: "user", parts: calls.map(result) });
  const later = new Seen();
  await ask(row, row.then, contents, later);
  return later.text;
}

async function several(row, model, seen) {
  const asked = { model, contents: contentsOf(row), config: { ...config(row), candidateCount: 2 } };
  const texts = [];
  const chunks = row.stream
    ? await client.models.generateContentStream(asked)
    : [await client.models.generateContent(asked)];
  for await (const chunk of chunks) {
    for (const { index = 0, content } of chunk.candidates ?? []) {
      const said = (content?.parts ?? []).map((part) => part.text ?? "").join("");
      texts[index] = (texts[index] ?? "") + said;
    }
    if (chunk.candidates?.length) note(chunk, seen, []);
  }
  return texts;
}

async function embed(row, model) {
  return (await client.models.embedContent({ model, contents: "x" })).embeddings[0].values;
}

async function count(row, model) {
  return (await client.models.countTokens({ model, contents: table.prompt })).totalTokens;
}

async function models(row, model) {
  const listed = [];
  for await (const one of await client.models.list()) listed.push(one.name);
  return listed.length ? (await client.models.get({ model })).name.replace(/^models\//, "") : null;
}

// What breaks inside a stream is a plain error of this client.
function failure(error) {
  if (error instanceof ApiError) return error.status;
  return error.constructor === Error ? 0 : null;
}
await run({ talk, several, embed, count, models }, failure);

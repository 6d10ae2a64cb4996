// The table of cases against every provider: one line of JSON per case, saying what the client understood.
// What should have been understood is judged by tests/tests/matrix, which also saw what reached the provider.

import { readFileSync } from "node:fs";

export const { BASE, CLIENT, PROVIDERS } = process.env;
export const table = JSON.parse(readFileSync(new URL("cases.json", import.meta.url), "utf8"));

const dropped = [];
const plain = globalThis.fetch;
// Every client fetches with this: what the gateway says it dropped is remembered.
globalThis.fetch = async (...asked) => {
  const response = await plain(...asked);
  const said = response.headers.get("x-llm-link-dropped");
  if (said) dropped.push(said);
  return response;
};

export const resultOf = (args) => table.result + args.city;

// What a client understood of one answer.
export class Seen {
  text = "";
  reasoning = "";
  calls = [];
  stop = null;
  usage = {};
  pieces = 0;

  say(text) {
    if (!text) return;
    this.text += text;
    this.pieces += 1;
  }

  think(text) {
    this.reasoning += text ?? "";
  }

  call(name, args) {
    this.calls.push({ name, arguments: typeof args === "string" ? JSON.parse(args) : args });
  }

  used(input, output, cached, reasoning) {
    this.usage = { input, output, cached: cached ?? null, reasoning: reasoning ?? null };
  }
}

function failed(error, status) {
  const headers = error.headers ?? error.response?.headers;
  const wait = headers?.get?.("retry-after") ?? /"retryDelay":\s*"(\d+)s"/.exec(error.message)?.[1] ?? null;
  return { status, name: error.constructor.name, message: String(error.message), wait };
}

// `kinds[kind](case, model, seen)` plays a case; `failure(error)` says what an error of the SDK means.
export async function run(kinds, failure) {
  for (const provider of PROVIDERS.split(" ")) {
    for (const row of table.cases) {
      const play = kinds[row.kind ?? "talk"];
      if (!play) continue;
      dropped.length = 0;
      const seen = new Seen();
      const line = { provider, case: row.name };
      // The provider answers by the first word; the rest tells one request from another.
      const end = row.kind === "models" ? "" : `.${row.name}.${CLIENT}`;
      const name = (fixture) => fixture && `${row.provider ?? provider}/${fixture}${end}`;
      try {
        line.after = (await play({ ...row, then: name(row.then) }, name(row.model), seen)) ?? null;
      } catch (error) {
        const status = failure(error);
        if (status === null) line.bug = String(error.stack);
        else line.error = failed(error, status);
      }
      console.log(JSON.stringify({ ...line, ...seen, dropped: dropped.join(", ") }));
    }
  }
}

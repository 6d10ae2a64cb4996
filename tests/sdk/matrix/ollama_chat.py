"""Ollama's own client."""

import httpx
import ollama

import cases

client = ollama.Client(host=cases.BASE, timeout=20, event_hooks={"response": [cases.listen]})


def turns_of(case):
    ask = {"role": "user", "content": cases.PROMPT}
    if case.get("image"):
        ask["images"] = [cases.IMAGE]
    return [{"role": "system", "content": cases.SYSTEM}, ask]


def options(case):
    more = {}
    if case.get("tools"):
        more["tools"] = [{"type": "function", "function": cases.TOOL}]
    if case.get("schema"):
        more["format"] = cases.SCHEMA
    if case.get("reasoning"):
        more["think"] = True
    return more


def note(part, seen):
    message = part.message
    seen.say(message.content)
    seen.think(message.thinking)
    for call in message.tool_calls or []:
        seen.call(call.function.name, dict(call.function.arguments))
    if part.done:
        seen.stop = part.done_reason
        seen.used(part.prompt_eval_count, part.eval_count, None, None)


def ask(case, model, turns, seen):
    answer = client.chat(model=model, messages=turns, stream=bool(case.get("stream")), **options(case))
    for part in answer if case.get("stream") else [answer]:
        note(part, seen)


def talk(case, model, seen):
    turns = turns_of(case)
    ask(case, model, turns, seen)
    if "then" not in case:
        return None
    calls = [{"function": call} for call in seen.calls]
    turns.append({"role": "assistant", "content": seen.text, "thinking": seen.reasoning, "tool_calls": calls})
    for call in seen.calls:
        result = cases.result_of(call["arguments"])
        turns.append({"role": "tool", "tool_name": call["name"], "content": result})
    later = cases.Seen()
    ask(case, case["then"], turns, later)
    return later.text


def embed(case, model, seen):
    return list(client.embed(model=model, input=["x"]).embeddings[0])


def models(case, model, seen):
    shown = client.show(model)
    assert client.list().models and client.ps().models is not None
    return model if "completion" in shown.capabilities else None


def failure(error):
    if isinstance(error, ollama.ResponseError):
        return error.status_code
    return 0 if isinstance(error, httpx.HTTPError) else None


cases.run({"talk": talk, "embed": embed, "models": models}, failure)

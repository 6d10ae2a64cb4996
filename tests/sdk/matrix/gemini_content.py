"""The official Google GenAI client."""

import base64

import httpx
from google import genai
from google.genai import errors, types

import cases

client = genai.Client(
    api_key="sdk",
    http_options=types.HttpOptions(
        base_url=cases.BASE,
        timeout=20_000,
        httpx_client=httpx.Client(event_hooks={"response": [cases.listen]}),
    ),
)


def contents_of(case):
    parts = [types.Part.from_text(text=cases.PROMPT)]
    if case.get("image"):
        parts.append(types.Part.from_bytes(data=base64.b64decode(cases.IMAGE), mime_type="image/png"))
    return [types.Content(role="user", parts=parts)]


def config(case):
    more = {"system_instruction": cases.SYSTEM}
    if case.get("tools"):
        tool = cases.TOOL
        schema = {"parameters_json_schema": tool["parameters"]}
        declared = types.FunctionDeclaration(name=tool["name"], description=tool["description"], **schema)
        more["tools"] = [types.Tool(function_declarations=[declared])]
        more["automatic_function_calling"] = types.AutomaticFunctionCallingConfig(disable=True)
    if case.get("schema"):
        more.update(response_mime_type="application/json", response_json_schema=cases.SCHEMA)
    if case.get("reasoning"):
        more["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
    return types.GenerateContentConfig(**more)


def note(answer, seen, parts):
    candidate = answer.candidates[0]
    for part in (candidate.content and candidate.content.parts) or []:
        parts.append(part)
        if part.thought:
            seen.think(part.text)
        elif part.function_call:
            seen.call(part.function_call.name, part.function_call.args)
        else:
            seen.say(part.text)
    if candidate.finish_reason:
        seen.stop = candidate.finish_reason.name
    used = answer.usage_metadata
    if used:
        thought = used.thoughts_token_count
        made = None if used.candidates_token_count is None else used.candidates_token_count + (thought or 0)
        seen.used(used.prompt_token_count, made, used.cached_content_token_count, thought)


def ask(case, model, contents, seen):
    parts = []
    if case.get("stream"):
        for chunk in client.models.generate_content_stream(model=model, contents=contents, config=config(case)):
            note(chunk, seen, parts)
    else:
        note(client.models.generate_content(model=model, contents=contents, config=config(case)), seen, parts)
    return [part for part in parts if part.text != ""]


def talk(case, model, seen):
    contents = contents_of(case)
    parts = ask(case, model, contents, seen)
    if "then" not in case:
        return None
    contents.append(types.Content(role="model", parts=parts))
    results = []
    for call in (part.function_call for part in parts if part.function_call):
        output = {"output": cases.result_of(call.args)}
        results.append(types.FunctionResponse(id=call.id, name=call.name, response=output))
    contents.append(types.Content(role="user", parts=[types.Part(function_response=r) for r in results]))
    later = cases.Seen()
    ask(case, case["then"], contents, later)
    return later.text


def several(case, model, seen):
    asked = {"model": model, "contents": contents_of(case), "config": config(case)}
    asked["config"].candidate_count = 2
    texts = {}
    chunks = [client.models.generate_content(**asked)] if not case.get("stream") else client.models.generate_content_stream(**asked)
    for chunk in chunks:
        for candidate in chunk.candidates or []:
            parts = (candidate.content and candidate.content.parts) or []
            said = "".join(part.text or "" for part in parts)
            texts[candidate.index or 0] = texts.get(candidate.index or 0, "") + said
        if chunk.candidates:
            note(chunk, seen, [])
    return [texts[index] for index in sorted(texts)]


def embed(case, model, seen):
    return list(client.models.embed_content(model=model, contents="x").embeddings[0].values)


def count(case, model, seen):
    return client.models.count_tokens(model=model, contents=cases.PROMPT).total_tokens


def models(case, model, seen):
    found = client.models.get(model=model).name if list(client.models.list()) else None
    return found.removeprefix("models/")


def failure(error):
    if isinstance(error, errors.APIError):
        return error.code
    return 0 if isinstance(error, httpx.HTTPError) else None


cases.run({"talk": talk, "several": several, "embed": embed, "count": count, "models": models}, failure)

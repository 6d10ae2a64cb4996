"""The official OpenAI client, Responses."""

import httpx
import openai

import cases

client = openai.OpenAI(
    base_url=cases.BASE + "/v1",
    api_key="sdk",
    max_retries=0,
    timeout=20,
    http_client=httpx.Client(event_hooks={"response": [cases.listen]}),
)


def given(case):
    content = cases.PROMPT
    if case.get("image"):
        url = "data:image/png;base64," + cases.IMAGE
        content = [{"type": "input_text", "text": content}, {"type": "input_image", "image_url": url, "detail": "auto"}]
    return [{"role": "user", "content": content}]


def options(case):
    more = {"instructions": cases.SYSTEM, "store": False}
    if case.get("tools"):
        more["tools"] = [{"type": "function", "strict": False, **cases.TOOL}]
    if case.get("schema"):
        more["text"] = {"format": {"type": "json_schema", "name": "weather", "schema": cases.SCHEMA, "strict": True}}
    if case.get("reasoning"):
        more["reasoning"] = {"effort": "medium", "summary": "auto"}
        more["include"] = ["reasoning.encrypted_content"]
    return more


def note(response, seen):
    for item in response.output:
        if item.type == "function_call":
            seen.call(item.name, item.arguments)
        if item.type == "reasoning":
            seen.think("".join(part.text for part in item.summary or item.content or []))
    seen.stop = response.status
    if response.usage:
        used = response.usage
        cached, thought = used.input_tokens_details, used.output_tokens_details
        seen.used(used.input_tokens, used.output_tokens, cached and cached.cached_tokens, thought and thought.reasoning_tokens)
    return response


def ask(case, model, turns, seen):
    more = options(case)
    if not case.get("stream"):
        response = note(client.responses.create(model=model, input=turns, **more), seen)
        seen.say(response.output_text)
        return response
    final = None
    with client.responses.create(model=model, input=turns, stream=True, **more) as events:
        for event in events:
            if event.type == "response.output_text.delta":
                seen.say(event.delta)
            if event.type == "response.completed":
                final = event.response
            if event.type == "error":
                raise openai.APIError(event.message, None, body=None)
            if event.type == "response.failed":
                raise openai.APIError(event.response.error.message, None, body=None)
    assert final.output_text == seen.text, final
    return note(final, seen)


def talk(case, model, seen):
    turns = given(case)
    response = ask(case, model, turns, seen)
    if "then" not in case:
        return None
    turns += [item.model_dump(exclude_none=True) for item in response.output]
    calls = [item for item in response.output if item.type == "function_call"]
    for call, told in zip(calls, seen.calls):
        output = cases.result_of(told["arguments"])
        turns.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    later = cases.Seen()
    ask(case, case["then"], turns, later)
    return later.text


def count(case, model, seen):
    return client.responses.input_tokens.count(model=model, input=cases.PROMPT).input_tokens


def failure(error):
    if isinstance(error, openai.APIStatusError):
        return error.status_code
    return 0 if isinstance(error, openai.APIError) else None


cases.run({"talk": talk, "count": count}, failure)

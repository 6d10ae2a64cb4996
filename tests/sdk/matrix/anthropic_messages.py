"""The official Anthropic client."""

import anthropic

import cases

client = anthropic.Anthropic(
    base_url=cases.BASE,
    api_key="sdk",
    max_retries=0,
    timeout=20,
    http_client=anthropic.DefaultHttpxClient(event_hooks={"response": [cases.listen]}),
)
LIMIT = 4096


def turns_of(case):
    content = cases.PROMPT
    if case.get("image"):
        source = {"type": "base64", "media_type": "image/png", "data": cases.IMAGE}
        content = [{"type": "image", "source": source}, {"type": "text", "text": content}]
    return [{"role": "user", "content": content}]


def options(case):
    more = {"system": cases.SYSTEM, "max_tokens": LIMIT}
    if case.get("tools"):
        tool = cases.TOOL
        schema = tool["parameters"]
        more["tools"] = [{"name": tool["name"], "description": tool["description"], "input_schema": schema}]
    if case.get("schema"):
        more["output_config"] = {"format": {"type": "json_schema", "schema": cases.SCHEMA}}
    if case.get("reasoning"):
        more["thinking"] = {"type": "enabled", "budget_tokens": 2048}
    return more


def note(message, seen):
    for block in message.content:
        if block.type == "tool_use":
            seen.call(block.name, block.input)
        if block.type == "thinking":
            seen.think(block.thinking)
            assert block.signature, block
    seen.stop = message.stop_reason
    used = message.usage
    cached = used.cache_read_input_tokens
    details = getattr(used, "output_tokens_details", None)
    thought = details and getattr(details, "thinking_tokens", None)
    total = used.input_tokens + (cached or 0) + (used.cache_creation_input_tokens or 0)
    seen.used(total, used.output_tokens, cached, thought)
    return message


def ask(case, model, turns, seen):
    more = options(case)
    if not case.get("stream"):
        message = note(client.messages.create(model=model, messages=turns, **more), seen)
        for block in message.content:
            if block.type == "text":
                seen.say(block.text)
        return message
    with client.messages.stream(model=model, messages=turns, **more) as stream:
        for text in stream.text_stream:
            seen.say(text)
        return note(stream.get_final_message(), seen)


def talk(case, model, seen):
    turns = turns_of(case)
    message = ask(case, model, turns, seen)
    if "then" not in case:
        return None
    turns.append({"role": "assistant", "content": message.content})
    used = [block for block in message.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": b.id, "content": cases.result_of(b.input)} for b in used]
    turns.append({"role": "user", "content": results})
    later = cases.Seen()
    ask(case, case["then"], turns, later)
    return later.text


def count(case, model, seen):
    return client.messages.count_tokens(model=model, messages=turns_of(case), system=cases.SYSTEM).input_tokens


def models(case, model, seen):
    return client.models.retrieve(model).id if list(client.models.list()) else None


def failure(error):
    return getattr(error, "status_code", 0) if isinstance(error, anthropic.APIError) else None


cases.run({"talk": talk, "count": count, "models": models}, failure)

"""The official OpenAI client, Chat Completions."""

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


def messages(case):
    content = cases.PROMPT
    if case.get("image"):
        url = "data:image/png;base64," + cases.IMAGE
        content = [{"type": "text", "text": content}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "system", "content": cases.SYSTEM}, {"role": "user", "content": content}]


def options(case):
    more = {}
    if case.get("tools"):
        more["tools"] = [{"type": "function", "function": cases.TOOL}]
    if case.get("schema"):
        schema = {"name": "weather", "schema": cases.SCHEMA, "strict": True}
        more["response_format"] = {"type": "json_schema", "json_schema": schema}
    if case.get("reasoning"):
        more["reasoning_effort"] = "medium"
    return more


def note(completion, seen):
    choice = completion.choices[0]
    for call in choice.message.tool_calls or []:
        seen.call(call.function.name, call.function.arguments)
    seen.stop = choice.finish_reason
    usage = completion.usage
    if usage:
        given, made = usage.prompt_tokens_details, usage.completion_tokens_details
        cached, thought = given and given.cached_tokens, made and made.reasoning_tokens
        seen.used(usage.prompt_tokens, usage.completion_tokens, cached, thought)
    return choice.message


def ask(case, model, turns, seen):
    more = options(case)
    if not case.get("stream"):
        message = note(client.chat.completions.create(model=model, messages=turns, **more), seen)
        seen.say(message.content)
        seen.think(getattr(message, "reasoning_content", None))
        return message
    more["stream_options"] = {"include_usage": True}
    with client.chat.completions.stream(model=model, messages=turns, **more) as events:
        for event in events:
            if event.type == "chunk" and event.chunk.choices:
                delta = event.chunk.choices[0].delta
                seen.say(delta.content)
                seen.think(getattr(delta, "reasoning_content", None))
        return note(events.get_final_completion(), seen)


def talk(case, model, seen):
    turns = messages(case)
    message = ask(case, model, turns, seen)
    if "then" not in case:
        return None
    turns.append(message.model_dump(exclude_none=True, exclude={"parsed", "annotations"}))
    for call, told in zip(message.tool_calls, seen.calls):
        turns.append({"role": "tool", "tool_call_id": call.id, "content": cases.result_of(told["arguments"])})
    later = cases.Seen()
    ask(case, case["then"], turns, later)
    return later.text


def several(case, model, seen):
    asked = {"model": model, "messages": messages(case), "n": 2}
    if not case.get("stream"):
        completion = client.chat.completions.create(**asked)
    else:
        with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
            completion = events.get_final_completion()
    note(completion, seen)
    return [choice.message.content for choice in completion.choices]


def embed(case, model, seen):
    return client.embeddings.create(model=model, input=["x"]).data[0].embedding


def models(case, model, seen):
    return client.models.retrieve(model).id if list(client.models.list()) else None


def failure(error):
    if isinstance(error, openai.APIStatusError):
        return error.status_code
    return 0 if isinstance(error, openai.APIError) else None


cases.run({"talk": talk, "several": several, "embed": embed, "models": models}, failure)

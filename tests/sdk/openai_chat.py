"""The official OpenAI client for Python against BASE_URL; one line per case, exit status 1 if one failed.

The scripted provider behind it knows the models used here (see tests/tests/sdk.rs).
"""

import asyncio
import json
import os
import sys
import traceback

import openai

BASE_URL = os.environ["BASE_URL"]
client = openai.OpenAI(base_url=BASE_URL, api_key="sdk", max_retries=0, timeout=20)
ASK = [{"role": "user", "content": "Say hello"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
CITIES = ["Paris", "Rome"]


def unary():
    answer = client.chat.completions.with_raw_response.create(model="a/text", messages=ASK)
    assert answer.headers["x-llm-link-call-id"], answer.headers
    parsed = answer.parse()
    assert parsed.choices[0].message.content == "hello from the upstream", parsed
    assert parsed.usage.total_tokens == 21, parsed


def stream():
    text, usage = "", None
    options = {"include_usage": True}
    for chunk in client.chat.completions.create(model="a/text", messages=ASK, stream=True, stream_options=options):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage
    assert text == "hello from the upstream", text
    assert usage.total_tokens == 21, usage


def tools():
    answer = client.chat.completions.create(model="a/tools", messages=ASK, tools=[TOOL])
    calls = answer.choices[0].message.tool_calls
    assert [json.loads(c.function.arguments)["city"] for c in calls] == CITIES, calls
    assert answer.choices[0].finish_reason == "tool_calls"


def tools_stream():
    with client.chat.completions.stream(model="a/tools-stream", messages=ASK, tools=[TOOL]) as events:
        pieces = [e for e in events if e.type == "tool_calls.function.arguments.delta"]
        calls = events.get_final_completion().choices[0].message.tool_calls
    assert len(pieces) > 4, pieces
    assert [json.loads(c.function.arguments)["city"] for c in calls] == CITIES, calls
    assert [c.id for c in calls] == ["call_1", "call_2"], calls


def demo_tools_stream():
    with client.chat.completions.stream(model="demo/demo-tools", messages=ASK, tools=[TOOL]) as events:
        completion = events.get_final_completion()
    call = completion.choices[0].message.tool_calls[0]
    assert isinstance(json.loads(call.function.arguments)["city"], str), call
    later = ASK + [
        {"role": "assistant", "tool_calls": [call.model_dump(include={"id", "type", "function"})]},
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    answer = client.chat.completions.create(model="demo/demo-tools", messages=later, tools=[TOOL])
    assert answer.choices[0].message.content, answer


def expect(kind, status, call):
    try:
        call()
    except kind as error:
        assert getattr(error, "status_code", None) == status, error
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def chat(model, **more):
    return lambda: client.chat.completions.create(model=model, messages=ASK, **more)


def errors():
    missing = expect(openai.NotFoundError, 404, chat("none-such"))
    assert missing.code == "model_not_found", missing
    bad = expect(openai.BadRequestError, 400, chat("a/bad"))
    assert (bad.param, bad.code) == ("temperature", "invalid_value"), bad
    limited = expect(openai.RateLimitError, 429, chat("a/limited"))
    assert limited.response.headers["retry-after"] == "3", limited.response.headers
    broken = expect(openai.APIStatusError, 500, chat("a/broken", stream=True))
    assert broken.body, broken


def stream_error():
    text = ""
    try:
        for chunk in client.chat.completions.create(model="a/cut", messages=ASK, stream=True):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        assert text == "c0 c1 c2 ", text
        assert error.message, error
        return
    raise AssertionError("a cut stream looked like a success")


def models():
    ids = [m.id for m in client.models.list()]
    assert "text" in ids, ids
    assert client.models.retrieve("a/text").id == "a/text"


def embeddings():
    answer = client.embeddings.create(model="a/embed", input=["x"])
    assert answer.data[0].embedding == [0.5, -1.0], answer


def retries_are_the_clients_business():
    patient = client.with_options(max_retries=2)
    answer = patient.chat.completions.create(model="a/limited-once", messages=ASK)
    assert answer.choices[0].message.content == "hello from the upstream", answer


def many_at_once():
    async def run():
        mine = openai.AsyncOpenAI(base_url=BASE_URL, api_key="sdk", max_retries=0, timeout=20)
        one = lambda: mine.chat.completions.create(model="a/text", messages=ASK)
        answers = await asyncio.gather(*(one() for _ in range(50)))
        assert all(a.choices[0].message.content for a in answers)

    asyncio.run(run())


CASES = [
    unary,
    stream,
    tools,
    tools_stream,
    demo_tools_stream,
    errors,
    stream_error,
    models,
    embeddings,
    retries_are_the_clients_business,
    many_at_once,
]

failed = 0
for case in CASES:
    try:
        case()
        print("ok    ", case.__name__)
    except Exception:
        failed += 1
        print("FAILED", case.__name__)
        traceback.print_exc(file=sys.stdout)
print(f"{len(CASES) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)

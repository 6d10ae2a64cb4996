"""The table of cases against every provider: one line of JSON per case, saying what the client understood.

What should have been understood is judged by tests/tests/matrix, which also saw what reached the provider.
"""

import json
import os
import pathlib
import traceback

BASE = os.environ["BASE"]
TABLE = json.loads(pathlib.Path(__file__).with_name("cases.json").read_text())
PROMPT, SYSTEM, TOOL, SCHEMA, IMAGE = (TABLE[k] for k in ("prompt", "system", "tool", "schema", "image"))
dropped = []


def listen(response):
    """A hook of every client: remembers what the gateway says it dropped."""
    if "x-llm-link-dropped" in response.headers:
        dropped.append(response.headers["x-llm-link-dropped"])


def result_of(arguments):
    return TABLE["result"] + arguments["city"]


class Seen:
    """What a client understood of one answer."""

    def __init__(self):
        self.text, self.reasoning, self.calls, self.stop, self.usage, self.pieces = "", "", [], None, {}, 0

    def say(self, text):
        if text:
            self.text += text
            self.pieces += 1

    def think(self, text):
        self.reasoning += text or ""

    def call(self, name, arguments):
        self.calls.append({"name": name, "arguments": json.loads(arguments) if isinstance(arguments, str) else arguments})

    def used(self, given, output, cached, reasoning):
        self.usage = {"input": given, "output": output, "cached": cached, "reasoning": reasoning}


def failed(error, status, name):
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    wait = headers.get("retry-after") if hasattr(headers, "get") else None
    return {"status": status, "name": name, "message": str(error), "wait": wait}


def run(kinds, failure):
    """`kinds[kind](case, model, seen)` plays a case; `failure(error)` says what an error of the SDK means."""
    for provider in os.environ["PROVIDERS"].split():
        for case in TABLE["cases"]:
            play = kinds.get(case.get("kind", "talk"))
            if play is None:
                continue
            dropped.clear()
            seen, line = Seen(), {"provider": provider, "case": case["name"]}
            prefix = case.get("provider", provider)
            # The provider answers by the first word; the rest tells one request from another.
            end = "" if case.get("kind") == "models" else f".{case['name']}.{os.environ['CLIENT']}"
            name = lambda fixture: f"{prefix}/{fixture}{end}"
            case = dict(case, model=name(case["model"]), **({"then": name(case["then"])} if "then" in case else {}))
            try:
                line["after"] = play(case, case["model"], seen)
            except Exception as error:
                status = failure(error)
                if status is None:
                    line["bug"] = traceback.format_exc()
                else:
                    line["error"] = failed(error, status, type(error).__name__)
            line.update(vars(seen), dropped=", ".join(dropped))
            print(json.dumps(line), flush=True)

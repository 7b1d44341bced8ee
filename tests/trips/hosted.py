"""A host of models of language that says what it is told to, in the dialects of OpenAI, Azure and Anthropic."""

from __future__ import annotations

import json
import time

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

ABOUT = {"created": 1, "model": "upstream-model"}


class Hosting:
    """What was asked of it, and what it says next: `says` (or, where it `echoes`, what was said last), then `calls` of
    tools (name and JSON arguments), or the answer in `refusal`, with `pause` between pieces.
    """

    def __init__(self):
        self.says = "The plan is called Blue Heron, and it flies."
        self.echoes = False
        self.calls = []
        self.refusal = None
        self.pause = 0.0
        self.asked = []
        paths = {
            "/v1/chat/completions": self.completions,
            "/openai/deployments/gpt/chat/completions": self.completions,
            "/v1/responses": self.responses,
            "/v1/embeddings": self.embeddings,
            "/v1/messages": self.messages,
        }
        self.app = Starlette(
            routes=[Route(path, self._answering(how), methods=["POST"]) for path, how in paths.items()]
        )

    def _answering(self, how):
        async def answer(request):
            body = await request.json()
            self.asked.append((request.url, dict(request.headers), body))
            if self.refusal is not None:
                status, said = self.refusal
                return JSONResponse(said, status)
            if self.echoes:
                self.says = (body.get("messages") or body["input"])[-1]["content"]
            return how(body)

        return answer

    @property
    def pieces(self):
        return in_pieces(self.says)

    def _stream(self, events):
        def told():
            for name, data in events:
                text = data if isinstance(data, str) else json.dumps(data)
                yield (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
                time.sleep(self.pause)

        return StreamingResponse(told(), media_type="text/event-stream")

    def completions(self, body):
        usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
        if not body.get("stream"):
            message = {"role": "assistant", "content": self.says, "refusal": None}
            if self.calls:
                message["tool_calls"] = [self._call(n) for n in range(len(self.calls))]
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
            return JSONResponse({"id": "c1", "object": "chat.completion", **ABOUT, "choices": [choice], "usage": usage})
        about = {"id": "c1", "object": "chat.completion.chunk", **ABOUT}

        def chunk(delta, finish=None):
            return "", {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

        events = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in self.pieces)]
        for n, (_, arguments) in enumerate(self.calls):
            call = self._call(n)
            events.append(
                chunk({"tool_calls": [{"index": n, **call, "function": {**call["function"], "arguments": ""}}]})
            )
            pieces = [{"index": n, "function": {"arguments": piece}} for piece in in_pieces(arguments)]
            events += [chunk({"tool_calls": [piece]}) for piece in pieces]
        last = [("", {**about, "choices": [], "usage": usage})] if body.get("stream_options") else []
        return self._stream([*events, chunk({}, "stop"), *last, ("", "[DONE]")])

    def _call(self, n):
        name, arguments = self.calls[n]
        return {"id": f"call-{n}", "type": "function", "function": {"name": name, "arguments": arguments}}

    def responses(self, body):
        part = {"type": "output_text", "text": self.says, "annotations": []}
        item = {"type": "message", "id": "m1", "status": "completed", "role": "assistant", "content": [part]}
        usage = {
            "input_tokens": 11, "output_tokens": 5, "total_tokens": 16,
            "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
        }  # fmt: skip
        about = {"id": "r1", "object": "response", "created_at": 1, "model": "upstream-model", "tools": []}
        about |= {"tool_choice": "auto", "parallel_tool_calls": True, "error": None}
        about["instructions"] = body.get("instructions")
        calls = [
            {"type": "function_call", "id": f"f{n}", "call_id": f"call-{n}", "name": name, "arguments": arguments}
            for n, (name, arguments) in enumerate(self.calls)
        ]
        whole = {**about, "status": "completed", "output": [item, *calls], "usage": usage}
        if not body.get("stream"):
            return JSONResponse(whole)
        at = {"item_id": "m1", "output_index": 0, "content_index": 0}
        empty = {**about, "status": "in_progress", "output": []}
        events = [
            {"type": "response.created", "response": empty},
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
            {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
            *({"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []} for piece in self.pieces),
            {"type": "response.output_text.done", **at, "text": self.says, "logprobs": []},
            {"type": "response.content_part.done", **at, "part": part},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            *(event for n, call in enumerate(calls, 1) for event in call_events(n, call)),
            {"type": "response.completed", "response": whole},
        ]
        return self._stream([(e["type"], {**e, "sequence_number": n}) for n, e in enumerate(events)])

    def embeddings(self, body):
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": n, "embedding": [0.5, 0.25]} for n in range(len(texts))]
        usage = {"prompt_tokens": 2, "total_tokens": 2}
        return JSONResponse({"object": "list", "model": "upstream-model", "data": data, "usage": usage})

    def messages(self, body):
        about = {"id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model"}
        stopped = {"stop_reason": "end_turn", "stop_sequence": None}
        usage = {"input_tokens": 11, "output_tokens": 5}
        if not body.get("stream"):
            uses = [use(n, name, json.loads(arguments)) for n, (name, arguments) in enumerate(self.calls)]
            content = [{"type": "text", "text": self.says}, *uses]
            return JSONResponse({**about, "content": content, **stopped, "usage": usage})
        begun = {
            **about,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage, "output_tokens": 0},
        }
        events = [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
                for piece in self.pieces
            ),
            {"type": "content_block_stop", "index": 0},
            *(event for n, (name, arguments) in enumerate(self.calls, 1) for event in use_events(n, name, arguments)),
            {"type": "message_delta", "delta": stopped, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]
        return self._stream([(event["type"], event) for event in events])


def in_pieces(text):
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def call_events(n, call):
    at = {"item_id": call["id"], "output_index": n}
    yield {"type": "response.output_item.added", "output_index": n, "item": {**call, "arguments": ""}}
    for piece in in_pieces(call["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
    yield {"type": "response.function_call_arguments.done", **at, "name": call["name"], "arguments": call["arguments"]}
    yield {"type": "response.output_item.done", "output_index": n, "item": call}


def use(n, name, arguments):
    return {"type": "tool_use", "id": f"use-{n}", "name": name, "input": arguments}


def use_events(n, name, arguments):
    yield {"type": "content_block_start", "index": n, "content_block": use(n, name, {})}
    for piece in in_pieces(arguments):
        delta = {"type": "input_json_delta", "partial_json": piece}
        yield {"type": "content_block_delta", "index": n, "delta": delta}
    yield {"type": "content_block_stop", "index": n}

"""The model that proposes prompts, as DSPy asks it; only `optimize` imports this module: it imports DSPy."""

from __future__ import annotations

import re
from typing import Any

import dspy
from anyio.from_thread import BlockingPortal
from dspy.adapters.chat_adapter import ChatAdapter
from dspy.lm15 import LM15Error, Response, TextPart
from dspy.lm15 import Message as Said
from dspy.lm15 import Request as Asked
from dspy.lm15 import Usage as Tokens
from dspy.utils.exceptions import AdapterParseError

from llm_orc.domain.completion import Message, Request, Role
from llm_orc.domain.model import Model, Sampling
from llm_orc.errors import OrcError
from llm_orc.optimize.meter import Account, Meter, Stopped
from llm_orc.optimize.program import StopOptimization

_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_FENCED = re.compile(r"^```\w*\n(.*?)\n?```$", re.DOTALL)
_MARK = re.compile(r"\[\[ ## \w+ ## \]\]")


class Proposer:
    """DSPy's engine over one of our models: counted, priced and kept like any other call."""

    def __init__(self, model: Model, meter: Meter, portal: BlockingPortal) -> None:
        self._model = model
        self._meter = meter
        self._portal = portal
        self._account = Account(mark="proposing")

    def complete(self, request: Asked) -> Response:
        try:
            completion = self._portal.call(self._meter.complete, self._request(request), self._account)
        except Stopped:
            raise StopOptimization from None
        except OrcError as error:
            raise LM15Error(error.message) from error
        return Response(
            id=None,
            model=self._model.name,
            message=Said.assistant([TextPart(completion.text)]),
            finish_reason="length" if completion.choices[0].finish == "length" else "stop",
            usage=Tokens(
                input_tokens=completion.usage.input_tokens, output_tokens=completion.usage.output_tokens
            ),
        )

    def _request(self, asked: Asked) -> Request:
        messages: list[Message] = []
        if asked.system:
            text = asked.system if isinstance(asked.system, str) else "".join(p.text for p in asked.system)
            messages.append(Message("system", text))
        for said in asked.messages:
            role: Role = "assistant" if said.role == "assistant" else "user"
            messages.append(Message(role, said.text or ""))
        wanted = Sampling(temperature=asked.config.temperature, max_tokens=asked.config.max_tokens)
        sampling = wanted.over(self._model.sampling)
        return Request(model=self._model, messages=tuple(messages), sampling=sampling)


class Lenient(ChatAdapter):  # type: ignore[misc]  # DSPy has no types
    """Takes an answer that follows no format as what was asked for: weak models write no marks."""

    def __init__(self) -> None:
        super().__init__(use_json_adapter_fallback=False)

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:  # noqa: ANN401
        try:
            parsed: dict[str, Any] = super().parse(signature, completion)
            return parsed
        except AdapterParseError:
            fields = signature.output_fields
            meant = next((name for name in fields if "instruction" in name), list(fields)[-1])
            text = cleaned(completion)
            if not text or fields[meant].annotation is not str:
                raise
            return {**dict.fromkeys(fields, ""), meant: text}


def cleaned(text: str) -> str:
    """The text without thoughts, fences and marks."""
    text = _THINKING.sub("", text).strip()
    fenced = _FENCED.match(text)
    return _MARK.sub("", fenced[1] if fenced else text).strip().strip('"').strip()


def language_model(name: str, proposer: Any, teacher: Model | None = None) -> Any:  # noqa: ANN401
    """What DSPy takes for its language model. Predictors only read from it how to explore.

    `teacher` is the model that bootstraps in the agents' place.
    """
    lm = dspy.LM(f"llm-orc/{name}", engine=proposer, cache=False, num_retries=0)
    lm.teacher = teacher
    return lm


class Silent:
    """The engine where no model proposes anything."""

    def complete(self, request: Asked) -> Response:
        raise LM15Error("this optimizer needs a model that proposes prompts")

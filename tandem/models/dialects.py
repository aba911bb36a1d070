"""How a prompt travels to each kind of server: one function a dialect, from Prompt to body fields.

All servers speak the chat-completions protocol, but each has its own words for "the answer must
look like this". The fields made here go into the request's body as they are (`extra_body`), since
the clients' own parameters are rewritten on the way: ChatHuggingFace turns a `response_format`
into TGI's form, which llama.cpp ignores without a word, and drops a temperature of 0.0.

Sources: llama.cpp tools/server/README.md; TGI's guidance docs; vLLM's structured outputs docs;
OpenAI's structured outputs guide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tandem.models.tier import Prompt, Token
from tandem.records import Finish
from tandem.settings import Dialect

TOP_LOGPROBS: Final = 5
"""Alternatives asked at each place of a free or a JSON answer (confidence signals)."""
_MOST_TOP_LOGPROBS: Final[Mapping[Dialect, int]] = {
    "llamacpp": 100,
    "tgi": 5,
    "vllm": 20,
    "openai": 20,
}
_CHOICE_KEY: Final = "choice"
_FINISH: Final[Mapping[str, Finish]] = {
    "stop": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "tool_calls": "stop",
    "function_call": "stop",
    "length": "length",
}


def body(prompt: Prompt, dialect: Dialect, *, own_grammars: bool = False) -> dict[str, Any]:
    """Body fields of `prompt`, besides messages, model and tools.

    Parameters
    ----------
    own_grammars: the server is the embedded one, whose build is known to take llguidance grammars,
        which can forbid white space (a third fewer output tokens). A llama.cpp server of unknown
        build gets its plain `json_schema` field.
    """
    limit = "max_completion_tokens" if dialect == "openai" else "max_tokens"
    fields: dict[str, Any] = {
        "temperature": prompt.temperature,
        limit: prompt.max_tokens,
        "logprobs": True,
        "top_logprobs": top_logprobs(prompt, dialect),
    }
    if dialect == "llamacpp":
        fields["cache_prompt"] = True
    if prompt.schema is not None:
        fields |= _schema_fields(prompt.schema, dialect, own_grammars)
    elif prompt.choices is not None:
        fields |= _choice_fields(prompt.choices, dialect)
    return fields


def top_logprobs(prompt: Prompt, dialect: Dialect) -> int:
    """How many alternatives to ask for: enough to see every choice, within the server's limit."""
    wanted = max(20, 2 * len(prompt.choices)) if prompt.choices is not None else TOP_LOGPROBS
    return min(wanted, _MOST_TOP_LOGPROBS[dialect])


def finish(reason: str | None) -> Finish:
    """The server's finish reason in Tandem's words; whatever is not a normal end is an error."""
    return _FINISH.get(reason or "", "error")


def unwrap_choice(
    text: str, tokens: Sequence[Token], dialect: Dialect
) -> tuple[str, tuple[Token, ...]]:
    """A choice and its tokens, taken out of the JSON that the openai dialect wraps it in.

    A text that is not that JSON (cut off, or the server ignored the schema) comes back as it is.
    """
    if dialect != "openai":
        return text, tuple(tokens)
    try:
        choice = json.loads(text)[_CHOICE_KEY]
        start = text.index(json.dumps(choice, ensure_ascii=False), text.index(":")) + 1
    except (ValueError, KeyError, TypeError):
        return text, tuple(tokens)
    if not isinstance(choice, str):
        return text, tuple(tokens)
    return choice, _cut(tokens, start, start + len(choice))


def _schema_fields(schema: Mapping[str, Any], dialect: Dialect, own: bool) -> dict[str, Any]:
    if dialect == "llamacpp":
        return {"grammar": _compact_grammar(schema)} if own else {"json_schema": dict(schema)}
    if dialect == "tgi":
        return {"response_format": {"type": "json_object", "value": dict(schema)}}
    if dialect == "vllm":
        return {"structured_outputs": {"json": dict(schema), "disable_any_whitespace": True}}
    return {"response_format": _openai_format("answer", schema)}


def _choice_fields(choices: Sequence[str], dialect: Dialect) -> dict[str, Any]:
    if dialect == "llamacpp":
        return {"grammar": "root ::= " + " | ".join(map(_gbnf_literal, choices))}
    if dialect == "tgi":
        pattern = "(" + "|".join(map(_regex_literal, choices)) + ")"
        return {"response_format": {"type": "regex", "value": pattern}}
    if dialect == "vllm":
        return {"structured_outputs": {"choice": list(choices)}}
    schema = {
        "type": "object",
        "properties": {_CHOICE_KEY: {"type": "string", "enum": list(choices)}},
        "required": [_CHOICE_KEY],
        "additionalProperties": False,
    }
    return {"response_format": _openai_format(_CHOICE_KEY, schema)}


def _compact_grammar(schema: Mapping[str, Any]) -> str:
    """An llguidance grammar: JSON of `schema` with no white space between its parts."""
    compact = {**schema, "x-guidance": {"whitespace_flexible": False}}
    return "%llguidance {}\nstart: %json " + json.dumps(compact)


def _openai_format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"name": name, "schema": dict(schema), "strict": _may_be_strict(schema)}
    return {"type": "json_schema", "json_schema": described}


def _may_be_strict(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes `schema`: it refuses objects with optional or further
    fields. A schema of the caller's that has some still guides, but is not enforced."""
    if isinstance(schema, list):
        return all(map(_may_be_strict, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("required", ())) != set(schema.get("properties", ()))
    ):
        return False
    return all(map(_may_be_strict, schema.values()))


def _gbnf_literal(text: str) -> str:
    """`text` as a literal of llama.cpp's grammar notation (GBNF)."""
    return '"' + "".join(map(_gbnf_char, text)) + '"'


def _gbnf_char(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else f"\\U{ord(char):08X}"


def _regex_literal(text: str) -> str:
    """`text` as a pattern; only metacharacters are escaped, as Rust's regex refuses others."""
    return "".join("\\" + char if char in r"\.+*?()|[]{}^$" else char for char in text)


def _cut(tokens: Sequence[Token], start: int, end: int) -> tuple[Token, ...]:
    """The parts of `tokens` between two offsets of their joined text."""
    kept, offset = [], 0
    for token in tokens:
        low, high = max(start - offset, 0), min(end - offset, len(token.text))
        if low < high:
            kept.append(_trim(token, low))
        offset += len(token.text)
    return tuple(kept)


def _trim(token: Token, low: int) -> Token:
    """`token` without its first `low` characters; alternatives that do not share them go."""
    if low == 0:
        return token
    lead = token.text[:low]
    shared = {text[low:]: value for text, value in token.top.items() if text.startswith(lead)}
    return Token(token.text[low:], token.logprob, shared)

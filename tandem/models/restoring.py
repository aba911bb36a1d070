"""A reply with what was redacted for its model put back, in text, tokens and tool calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tandem.models.client import RawReply
from tandem.models.tier import Prompt, Token, ToolCall
from tandem.privacy.redaction import WRITTEN, Vault, looks_like_json, notes


def restored(raw: RawReply, prompt: Prompt, vault: Vault) -> RawReply:
    """`raw` with every placeholder of `vault` replaced, and notes on what could not be."""
    redacted = vault.redacted()
    if vault.empty:
        return raw
    in_json = prompt.schema is not None or looks_like_json(raw.text)
    called = [str(call.arguments) for call in raw.tool_calls]
    lost = vault.lost("\n".join([raw.text, *called]))
    return replace(
        raw,
        text=vault.restore(raw.text, in_json=in_json),
        tokens=_tokens(raw, vault, in_json),
        tool_calls=tuple(
            ToolCall(call.name, vault.restore_values(dict(call.arguments)))
            for call in raw.tool_calls
        ),
        notes=notes(redacted, lost),
    )


def _tokens(raw: RawReply, vault: Vault, in_json: bool) -> tuple[Token, ...]:
    """The tokens of the restored text: those of a placeholder become one, with the log-probability
    of them all."""
    if "".join(token.text for token in raw.tokens) != raw.text:
        return raw.tokens  # what cannot be laid beside the text cannot be put right
    merged: list[Token] = []
    group: list[Token] = []
    ends = [found.span() for found in WRITTEN.finditer(raw.text)]
    at = 0
    for token in raw.tokens:
        group.append(token)
        at += len(token.text)
        if not any(start < at < end for start, end in ends):
            merged.append(_one(group, vault, in_json))
            group = []
    return tuple(merged)


def _one(group: Sequence[Token], vault: Vault, in_json: bool) -> Token:
    text = "".join(token.text for token in group)
    whole = vault.restore(text, in_json=in_json)
    if len(group) == 1 and whole == text:
        return group[0]
    return Token(whole, sum(token.logprob for token in group))

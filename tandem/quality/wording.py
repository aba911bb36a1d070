"""Gates on how an output reads: empty, cut off, a refusal, or with places left to fill in."""

from __future__ import annotations

import re
from typing import Any, Final

from tandem.records import Attempt, GateFailure

_FIRST_SENTENCE: Final = re.compile(r"[^.!?\u3002\uff01\uff1f\n]*[.!?\u3002\uff01\uff1f\n]?")
_PLAIN: Final = str.maketrans({"\u2019": "'", "\u2018": "'", "*": None})
_LEAD: Final = re.compile(r"^[\s_#>-]+")
_SORRY: Final = (
    r"(?:(?:(?:i'm|i am|we're|we are) (?:very |so |really |truly )?sorry|(?:my )?apolog(?:ies|ize)|"
    r"i apologi[sz]e|sorry|unfortunately)\b[\s,.;:!]*(?:but |that |,)?\s*)?"
)
_ASK: Final = (
    r"(?:help|assist|answer|provide|find|fulfil|fulfill|comply|determine|complete|create|write|do|"
    r"respond|process|access|generate|give|tell|see|locate|offer|continue|identify)\b"
)
_SOURCES: Final = (
    r"(?:passages?|context|knowledge base|excerpts?|"
    r"(?:provided|given|available) (?:text|information|document(?:ation)?s?|sources?))"
)
_STARTS: Final = (
    rf"{_SORRY}(?:i|we) (?:can't|cannot|can not|could not|couldn't|won't|am not able to|'m not able"
    rf" to|am unable to|'m unable to|are unable to|are not able to)(?: \w+ly)? {_ASK}",
    rf"{_SORRY}(?:i'm|we're) (?:unable|not able) to {_ASK}",
    rf"{_SORRY}(?:i|we) (?:do not|don't) (?:have (?:any |enough |specific |sufficient |the )?"
    r"(?:information|access|details|data|context|knowledge)|know\b)",
    rf"{_SORRY}as an? (?:ai|artificial intelligence|(?:large )?language model)"
    r"(?: language)?(?: model| assistant| chatbot)?\s*,",
    rf"{_SORRY}there (?:is|are) no (?:relevant |specific )?(?:information|mention|details?)\b",
    rf"{_SORRY}(?:it|(?:this|that|the)(?: \w+)?) (?:is|was) not (?:mentioned|found|"
    rf"provided|specified|given|stated|available) (?:in|by) (?:the|these|any) .*{_SOURCES}",
    r"not (?:found|mentioned|stated|provided|specified) in the\b",
    r".{0,120}\b(?:is|are|was|were) (?:not|nowhere)(?: \w+ly)? (?:mentioned|found|provided|given|"
    r"specified|stated|available|included|listed) (?:in|by) (?:the|these|any)(?: \w+)? "
    rf"{_SOURCES}",
    # German, Dutch
    r"(?:es tut mir leid|tut mir leid|entschuldigung|leider)\b.{0,12}\bich\b.*\bnicht\b",
    r"(?:es tut mir leid|leider)\b.{0,12}\bkann ich\b",
    r"ich kann\b.*\bnicht (?:helfen|beantworten|erstellen|weiterhelfen|liefern|geben)",
    r"als (?:eine? )?(?:ki|künstliche intelligenz|sprachmodell)\b.{0,20},?\s*(?:kann|habe|bin)",
    r"(?:het spijt me|sorry|helaas)\b.{0,10}\b(?:ik kan|kan ik)\b",
    # French, Spanish, Italian, Portuguese
    r"(?:(?:je suis )?désolée?|malheureusement)\b.{0,10}\bje ne\b",
    r"je ne peux pas (?:répondre|vous aider|fournir|aider)",
    r"en tant qu(?:e modèle|'ia\b|'intelligence)",
    r"(?:lo siento|lamentablemente)\b.{0,10}\bno (?:puedo|tengo)\b",
    r"no puedo (?:ayudar|responder|proporcionar)",
    r"como (?:modelo de lenguaje|una? (?:ia|inteligencia artificial))\b",
    r"(?:mi dispiace|purtroppo)\b.{0,10}\bnon (?:posso|ho)\b",
    r"(?:desculpe|lamento|infelizmente)\b.{0,10}\bnão (?:posso|tenho|consigo)\b",
    # Chinese, Japanese
    r"(?:很?抱歉|对不起).{0,4}我?(?:无法|不能|没有)",
    r"我(?:无法|不能)(?:回答|提供|帮助)",
    r"作为(?:一个)?(?:ai|人工智能|语言模型)",
    r"申し訳(?:ありません|ございません|ない)が",
)
_REFUSAL: Final = re.compile("|".join(f"(?:{start})" for start in _STARTS), re.IGNORECASE)
_SOURCE_SILENT: Final = re.compile(
    rf"^(?:{_SORRY}|.{{0,40}}\b)(?:the|these|none of the|no|provided|given)?\s*(?:\w+ )?{_SOURCES} "
    r"(?:(?:does|do|did) not|doesn't|don't|didn't|(?:is|are) silent|contains? no|mentions? no)\b",
    re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(
    r"\[(?!\d+\])[A-Za-z][^\[\]\n]{1,40}\](?!\()|\{[^{}\n]{0,40}\}|<[a-z][a-z _-]{2,30}>|\bX{3,}\b"
)


def not_empty(output: Any) -> list[GateFailure]:
    """Fails on None, blank text, and a list or object without anything in it."""
    blank = isinstance(output, str) and not output.strip()
    if not blank and output is not None and output not in ([], {}):
        return []
    return [GateFailure(gate="not_empty", detail="there is no output")]


def not_truncated(attempt: Attempt) -> list[GateFailure]:
    """Fails where the model was cut off by its allowance of tokens."""
    if attempt["finish"] != "length":
        return []
    return [GateFailure(gate="not_truncated", detail="the model's answer was cut off")]


def is_refusal(text: str) -> bool:
    """Whether the first sentence declines to answer ("I cannot help...", "the passages do not...").

    Only the first sentence counts, and only from its start: a quoted "I cannot" further on, or a
    company's own "we cannot refund after 30 days", is an answer. English, German, Dutch, French,
    Spanish, Italian, Portuguese, Chinese, Japanese.
    """
    plain = _LEAD.sub("", text.translate(_PLAIN))
    found = _FIRST_SENTENCE.match(plain)
    first = found[0].strip() if found else ""
    rest = plain[found.end() :] if found else ""
    if re.fullmatch(r"(?:i'm sorry|sorry|i apologi[sz]e)[.!,]?", first, re.IGNORECASE):
        return is_refusal(rest)
    return bool(_REFUSAL.match(first) or _SOURCE_SILENT.match(first))


def not_refusal(text: str) -> list[GateFailure]:
    """Fails where `is_refusal` holds."""
    if not is_refusal(text):
        return []
    return [GateFailure(gate="not_refusal", detail="the model declined to answer")]


def no_placeholder(text: str, source: str = "") -> list[GateFailure]:
    """Fails on a place left to fill in ("[Your Name]", "{date}") that `source` does not hold."""
    if all(place in source for place in _PLACEHOLDER.findall(text)):
        return []
    return [GateFailure(gate="no_placeholder", detail="a place was left to fill in")]

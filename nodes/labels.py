"""What label tasks share: one constrained call over the caller's own labels, with probabilities.

Labels are put as words, never as letters (a small model answers "A" whatever the question).
Examples go in as past chat turns, where they help; inside the message they do not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.models.adapters import AdapterCard
from tandem.models.tier import Completion, Prompt, TierCall
from tandem.nodes.calibrated import CalibratedLabels, Plan
from tandem.nodes.stages import First, Judgement
from tandem.nodes.task import Prepared
from tandem.nodes.texts import Read, full_text, head_and_tail, tokens_at_most
from tandem.nodes.tuned import AdapterOf, asked_labels, label_prompt
from tandem.quality.calibration.calibration import Asking
from tandem.quality.label_sets import LABEL_SET, label_set
from tandem.quality.labels import enough_margin, label_in_set, label_signals
from tandem.records import (
    Attempt,
    Example,
    GateFailure,
    Message,
    Profile,
    Request,
    TierName,
    Verdict,
)

CATEGORIES: Final = (
    "You sort texts into categories. The categories are:\n{labels}\n"
    "Answer with the one category that fits the user's text best, and nothing else."
)
LABEL_TOKENS: Final = 32
"""More than any label needs; the labels end the answer, not this."""


def text_only(document: Mapping[str, Any]) -> str:
    """The document's own `text`: what a task can read that was given no document reader."""
    text = document.get("text")
    if not isinstance(text, str):
        raise InvalidRequest(
            f"The document {document.get('name', '')!r} has no text.", "Give its text."
        )
    return text


@dataclass(frozen=True)
class LabelTask:
    """A task whose output is `{"label": str, "probabilities": {label: float}}`.

    Parameters
    ----------
    instruction: the system message; `{labels}` stands for the list of labels.
    own_labels_instruction: the same where the caller's labels are not all among `default_labels`
        (on headlines with up, down, none and neutral it beat the sentiment wording, 0.67 to 0.54 of
        70, the other way round on film reviews, 0.85 to 0.80 of 40); empty: `instruction`.
    default_labels: used where the request gives none; empty: the request must.
    min_margin: least lead of the chosen label's probability over the second, 0 to 1, for an answer
        that a tier above could better; the LLM's own label passes with any margin.
    max_text_tokens: longer texts are cut to their head and tail.
    calibrated: the calibrations of this task; None: hard gates and `min_margin` alone.
    adapter: finds the fine-tuned adapter for these labels; None: there is none.
    """

    name: str = ""
    node: str = ""
    instruction: str = "{labels}"
    own_labels_instruction: str = ""
    default_labels: tuple[str, ...] = ()
    min_margin: float = 0.5
    max_labels: int = 200
    max_text_tokens: int = 2000
    read: Read = text_only
    first_tier: TierName = "slm"
    calibrated: CalibratedLabels | None = None
    adapter: AdapterOf | None = None

    def prepare(self, request: Request, profile: Profile) -> Prepared:
        """Text, labels and examples. Raises InvalidRequest on a label set of no use."""
        labels = self._labels(request)
        return {
            "text": full_text(request, self.read),
            "labels": labels,
            "examples": [_turns(example, labels) for example in request.get("examples", [])],
            "own_examples": bool(request.get("examples")),
            "quality": profile.get("quality"),
        }

    def first(self, prepared: Prepared) -> First | None:
        """The head's answer, where a calibration brings one."""
        plan = self._plan(prepared)
        attempt = plan.head_attempt() if plan else None
        if plan is None or attempt is None:
            return None
        attempt["signals"][LABEL_SET] = label_set(prepared["labels"])
        turns = self.rendered(plan.asked("llm"))
        usage = plan.llm_usage(sum(len(turn.encode()) for turn in turns), len(turns))
        price = plan.own.llm_price(usage)
        return First(attempt, plan.then_slm(), {"all_llm_usage": usage, "llm_price": price})

    def judge(self, prepared: Prepared, attempt: Attempt) -> Judgement:
        """The calibrated score, its threshold, and the promise in words."""
        plan = self._plan(prepared)
        if plan is None:
            return Judgement()
        if plan.accepting is None:
            return Judgement(notes=plan.notes if attempt["tier"] != "llm" else ())
        return plan.accepting.judgement(attempt)

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """One call; the answer is one of the labels."""
        plan = self._plan(prepared)
        asked = plan.asked(tier.name) if plan else prepared
        spoken = speakable(asked["labels"])
        tuned = self._tuned(prepared, tier.name)
        completion = tier.complete(self._sent(asked, spoken, tier.context_tokens, tuned))
        probabilities = _probabilities(completion, spoken)
        label = _chosen(completion, spoken, probabilities)
        fused = plan.fused(probabilities) if plan and label and tier.name == "slm" else None
        if fused:
            signals = {**fused.signals, LABEL_SET: label_set(prepared["labels"])}
            return tier.attempt(
                {"label": fused.label, "probabilities": fused.probabilities}, signals=signals
            )
        output = {"label": label, "probabilities": probabilities} if label is not None else None
        return tier.attempt(output, signals=label_signals(probabilities))

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """Gates label_in_set, and score where a calibration fits, else margin."""
        output = attempt["output"]
        label = output.get("label") if isinstance(output, dict) else None
        failed = label_in_set(label, prepared["labels"])
        if failed or attempt["tier"] == "llm":
            return failed
        plan = self._plan(prepared)
        by_score = plan.accepting.failed(attempt) if plan and plan.accepting else None
        if by_score is not None:
            return by_score
        return enough_margin(attempt["signals"], self.min_margin)

    def repair(
        self,
        prepared: Prepared,
        rejected: Attempt,  # noqa: ARG002
        verdict: Verdict,  # noqa: ARG002
        tier: TierCall,
    ) -> Attempt:
        """Again, on `tier`: a label has no parts to keep."""
        return self.attempt(prepared, tier)

    def retry(self, prepared: Prepared, rejected: Attempt, tier: TierCall, number: int) -> Attempt:
        """The labels in another order, and the mean of all readings so far: a label that only its
        place in the list put ahead has no lead left. Of a fine-tuned model, which sees no list, the
        second opinion is the one of the model as it is."""
        labels = prepared["labels"][::-1]
        turn = (number - 1) % len(labels)
        again = self.attempt(
            {**prepared, "labels": labels[turn:] + labels[:turn], "as_it_is": True}, tier
        )
        first, second = _read_off(rejected), _read_off(again)
        if not first or not second:
            return again
        mean = {label: (first[label] * number + second[label]) / (number + 1) for label in first}
        output = {"label": max(mean, key=mean.__getitem__), "probabilities": mean}
        return tier.attempt(output, signals=label_signals(mean))

    def rendered(self, prepared: Prepared, tier: TierName = "llm") -> list[str]:
        """The turns of the prompt that `tier` gets, as texts, where the context window is no
        limit."""
        tuned, spoken = self._tuned(prepared, tier), speakable(prepared["labels"])
        prompt = self._sent(prepared, spoken, 1 << 20, tuned)
        return [turn["content"] for turn in prompt.messages]

    def prompt_sum(self, labels: Sequence[str], asking: Asking, tier: TierName = "slm") -> str:
        """A short hash of the prompt for these labels, asked of `tier` so: with another, what was
        measured says nothing."""
        example = [{"text": "...", "label": labels[0]}] if asking.examples else []
        prepared = {"text": "...", "labels": list(labels), "examples": example}
        prompt = self._prompt(prepared, speakable(labels), 1 << 20)
        told = [prompt.messages, prompt.choices, asking.examples, asking.shortlist]
        told.append(self.max_text_tokens)
        if tuned := self._tuned({"labels": labels}, tier):
            told.append(tuned.sha256)
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def _tuned(self, prepared: Prepared, tier: TierName) -> AdapterCard | None:
        """The adapter that answers; the caller's own examples go before it."""
        if self.adapter is None or tier != "slm":
            return None
        if prepared.get("own_examples") or prepared.get("as_it_is"):
            return None
        whole = prepared.get("whole_set") or prepared["labels"]
        return self.adapter(self.name, asked_labels(whole))

    def _plan(self, prepared: Prepared) -> Plan | None:
        if self.calibrated is None or prepared.get("as_it_is"):
            return None
        return self.calibrated.plan(prepared, self.prompt_sum)

    def _labels(self, request: Request) -> list[str]:
        labels = list(request.get("labels") or self.default_labels)
        problem = ""
        if len(labels) < 2:
            problem = f"{self.name} needs at least two labels, and {len(labels)} came."
        elif len(labels) > self.max_labels:
            problem = f"{len(labels)} labels are more than the {self.max_labels} allowed."
        elif any(not label.strip() for label in labels):
            problem = "A label is empty."
        elif len(set(labels)) < len(labels):
            problem = "A label is given more than once."
        if problem:
            raise InvalidRequest(problem, "Give different labels, each a word or a few.")
        return labels

    def _instruction(self, labels: Sequence[str]) -> str:
        known = set(labels) <= set(self.default_labels)
        return self.instruction if known else self.own_labels_instruction or self.instruction

    def _sent(
        self, asked: Prepared, spoken: Mapping[str, str], context: int, tuned: AdapterCard | None
    ) -> Prompt:
        if tuned is None:
            return self._prompt(asked, spoken, context)
        limit = min(self.max_text_tokens, context - LABEL_TOKENS - 128)
        return label_prompt(head_and_tail(asked["text"], limit), list(spoken), LABEL_TOKENS, tuned)

    def _prompt(self, prepared: Prepared, spoken: Mapping[str, str], context: int) -> Prompt:
        listed = "\n".join(f"- {word}" for word in spoken)
        instruction = self._instruction(prepared["labels"]).replace("{labels}", listed)
        words = {label: word for word, label in spoken.items()}
        turns: list[Message] = [{"role": "system", "content": instruction}]
        for example in prepared["examples"]:
            text = head_and_tail(example["text"], self.max_text_tokens // 8)
            turns.append({"role": "user", "content": text})
            turns.append({"role": "assistant", "content": words[example["label"]]})
        used = sum(tokens_at_most(turn["content"]) + 8 for turn in turns) + LABEL_TOKENS
        text = head_and_tail(prepared["text"], min(self.max_text_tokens, context - used - 64))
        turns.append({"role": "user", "content": text})
        return Prompt(messages=turns, max_tokens=LABEL_TOKENS, choices=list(spoken))


def speakable(labels: Sequence[str]) -> dict[str, str]:
    """From what the model reads and writes to the caller's label: "card arrival" for
    "card_arrival". The labels stay as they are where two would become the same, or one empty."""
    spoken = {" ".join(label.replace("_", " ").split()): label for label in labels}
    usable = len(spoken) == len(labels) and all(spoken)
    return spoken if usable else {label: label for label in labels}


def _turns(example: Example, labels: Sequence[str]) -> dict[str, str]:
    """An example's text and label. Raises InvalidRequest where its label is not in the set."""
    output = example["output"]
    label = output.get("label") if isinstance(output, dict) else output
    if not isinstance(label, str) or label not in labels:
        raise InvalidRequest(
            "An example has a label that is not among the labels.",
            "Give each example's `output` one of the labels.",
        )
    return {"text": example["text"], "label": label}


def _probabilities(completion: Completion, spoken: Mapping[str, str]) -> dict[str, float]:
    """By label; empty where the server sends no log-probabilities."""
    if not completion.tokens:
        return {}
    found = completion.choice_probabilities(list(spoken))
    return {label: found[word] for word, label in spoken.items()}


def _read_off(attempt: Attempt) -> dict[str, float]:
    """The probabilities of an attempt's output; empty where it has none."""
    output = attempt["output"]
    return output.get("probabilities", {}) if isinstance(output, dict) else {}


def _chosen(
    completion: Completion, spoken: Mapping[str, str], probabilities: Mapping[str, float]
) -> str | None:
    """The likeliest label, of equals the one that the model wrote. None where it wrote no label of
    the set: a server that does not constrain its answer must not have one picked for it."""
    written = _written(completion.text, spoken)
    if written is None or not probabilities:
        return written
    return max(probabilities, key=lambda label: (probabilities[label], label == written))


def _written(text: str, spoken: Mapping[str, str]) -> str | None:
    """The label that `text` names, whatever its case and the marks around it."""
    folded = {word.casefold(): label for word, label in spoken.items()}
    exact, plain = text.strip(), text.strip(" \t\n\"'`*.:;!").casefold()
    return spoken.get(exact) or (folded.get(plain) if len(folded) == len(spoken) else None)

"""The training itself: LoRA over a dense base on whatever torch has, CPU or GPU.

It writes checkpoints, and goes on from the last one: a training that is killed loses at most
`CHECKPOINT_S` seconds of work. A checkpoint is one safetensors file, replaced as a whole, so that
there is no moment without one; nothing is pickled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tandem.errors import InvalidRequest, ModelFileError
from tandem.loop.tune.base_model import TrainableBase
from tandem.loop.tune.recipe import Recipe, TuningRow, batches, steps

CHECKPOINT_S: Final = 60.0
TARGETS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_IGNORED: Final = -100
_STATE: Final = "state"
"""Key of a checkpoint's metadata: JSON of how far it is, and of what."""


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    step: int
    steps: int
    seconds: float
    """Of training so far, over all its pieces."""
    loss: float
    """Mean over the last steps, nats an answer token."""
    tokens: int
    """Read so far."""
    share: float
    """0 to 1: of the steps, or of the time where that ends first."""


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    folder: Path
    """The adapter in PEFT's form."""
    progress: Progress
    left_out: int
    """Rows longer than `Recipe.max_tokens`."""
    peak_bytes: int


def train(
    base: TrainableBase,
    rows: Sequence[TuningRow],
    recipe: Recipe,
    folder: Path,
    tell: Callable[[Progress], None],
) -> Trained:
    """Train an adapter on `rows`; goes on from a checkpoint of the same rows and recipe in
    `folder`.

    Raises
    ------
    InvalidRequest: no row is short enough, or `folder` holds another training's checkpoint.
    ModelFileError: no room for a checkpoint or the adapter (the last whole one is kept), or the
        checkpoint is damaged.
    """
    encoded = [encode(base.tokenizer, row) for row in rows]
    kept = [row for row in encoded if len(row.ids) <= recipe.max_tokens]
    if not kept:
        raise InvalidRequest(
            f"No row is shorter than {recipe.max_tokens} tokens.", "Raise --max-tokens."
        )
    run = _Run(base, kept, recipe, folder)
    progress = run.work(tell)
    return Trained(run.export(folder / "peft"), progress, len(encoded) - len(kept), peak_bytes())


@dataclass(frozen=True)
class Encoded:
    """A row as tokens; the answer begins at `answer`."""

    ids: list[int]
    answer: int


def encode(tokenizer: Any, row: TuningRow) -> Encoded:
    """Prompt and answer are cut into tokens apart, as at the time of use."""
    prompt = tokenizer.apply_chat_template(
        [dict(message) for message in row.messages], add_generation_prompt=True, tokenize=False
    )
    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = tokenizer(row.answer, add_special_tokens=False)["input_ids"]
    return Encoded([*asked, *answer, tokenizer.eos_token_id], len(asked))


class _Run:
    def __init__(
        self, base: TrainableBase, rows: Sequence[Encoded], recipe: Recipe, folder: Path
    ) -> None:
        import torch
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self._torch = torch
        self._rows, self._recipe = rows, recipe
        self._checkpoint = folder / "checkpoint.safetensors"
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._pad = base.tokenizer.pad_token_id or base.tokenizer.eos_token_id
        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=0.0,
            bias="none",
            target_modules=list(TARGETS),
            layers_to_transform=_layers(base.model.config.num_hidden_layers, recipe),
            task_type="CAUSAL_LM",
        )
        self.model: Any = get_peft_model(base.model, config).to(self._device)
        self._weights = {
            name: value for name, value in self.model.named_parameters() if value.requires_grad
        }
        self._optimizer = torch.optim.AdamW(self._weights.values(), lr=recipe.rate, weight_decay=0)
        self._done, self._seconds, self._tokens = 0, 0.0, 0
        self._losses: list[float] = []
        self._resume()

    def work(self, tell: Callable[[Progress], None]) -> Progress:
        """All steps that are left, or those for which there is time."""
        total, began, saved = steps(len(self._rows), self._recipe), time.monotonic(), 0.0
        before = self._seconds
        self.model.train()
        for number, batch in enumerate(batches([len(r.ids) for r in self._rows], self._recipe)):
            if number < self._done:
                continue
            share = self._share(total)
            if share >= 1.0:
                break
            self._losses = [*self._losses[-19:], self._step(batch, number, share)]
            self._done = number + 1
            self._seconds = before + time.monotonic() - began
            tell(self._progress(total))
            if self._seconds - saved > CHECKPOINT_S:
                self._save()
                saved = self._seconds
        self._save()
        return self._progress(total)

    def export(self, folder: Path) -> Path:
        """Write the adapter in PEFT's form."""
        from safetensors import SafetensorError

        try:
            self.model.save_pretrained(folder)
        except (OSError, SafetensorError) as error:
            raise _no_room("The adapter", error) from None
        return folder

    def _step(self, batch: Sequence[int], number: int, share: float) -> float:
        torch = self._torch
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.rate_at(number, share)
        loss = self._loss([self._rows[row] for row in batch])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights.values(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._tokens += sum(len(self._rows[row].ids) for row in batch)
        return float(loss.detach())

    def _loss(self, rows: Sequence[Encoded]) -> Any:
        """Cross-entropy of the answers' tokens; logits are made at their places only, since the
        vocabulary is a hundred times wider than the model."""
        torch = self._torch
        width = max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), width), self._pad)
        labels = torch.full((len(rows), width), _IGNORED)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for at, row in enumerate(rows):
            ids[at, : len(row.ids)] = torch.tensor(row.ids)
            labels[at, row.answer : len(row.ids)] = torch.tensor(row.ids[row.answer :])
            mask[at, : len(row.ids)] = 1
        ids, labels, mask = (part.to(self._device) for part in (ids, labels, mask))
        causal = self.model.get_base_model()
        with torch.autocast(self._device, dtype=torch.bfloat16):
            hidden = causal.model(input_ids=ids, attention_mask=mask).last_hidden_state
            wanted = labels[:, 1:] != _IGNORED
            logits = causal.lm_head(hidden[:, :-1][wanted])
        return torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][wanted])

    def _share(self, total: int) -> float:
        by_time = self._seconds / (self._recipe.minutes * 60) if self._recipe.minutes else 0.0
        return max(self._done / total, by_time)

    def _progress(self, total: int) -> Progress:
        mean = sum(self._losses) / max(1, len(self._losses))
        share = min(1.0, self._share(total))
        return Progress(self._done, total, self._seconds, mean, self._tokens, share)

    def _identity(self) -> dict[str, Any]:
        import hashlib

        told = json.dumps([[row.ids, row.answer] for row in self._rows])
        return {**asdict(self._recipe), "rows": hashlib.sha256(told.encode()).hexdigest()}

    def _save(self) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        half = self._checkpoint.with_name(".checkpoint-half")
        told = {
            "identity": self._identity(),
            "done": self._done,
            "seconds": self._seconds,
            "tokens": self._tokens,
            "losses": self._losses,
        }
        try:
            save_file(
                {**self._tensors("w", self._weights), **self._moments()},
                half,
                metadata={_STATE: json.dumps(told)},
            )
            half.replace(self._checkpoint)
        except (OSError, SafetensorError) as error:
            half.unlink(missing_ok=True)
            raise _no_room("A checkpoint", error) from None

    def _tensors(self, kind: str, named: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{kind}:{name}": value.detach().contiguous() for name, value in named.items()}

    def _moments(self) -> dict[str, Any]:
        state = self._optimizer.state
        found: dict[str, Any] = {}
        for name, weight in self._weights.items():
            for key, value in state.get(weight, {}).items():
                found[f"o:{key}:{name}"] = value.detach().contiguous()
        return found

    def _resume(self) -> None:
        from safetensors import SafetensorError, safe_open

        if not self._checkpoint.is_file():
            return
        try:
            with safe_open(self._checkpoint, "pt") as file:
                state = json.loads(file.metadata()[_STATE])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, TypeError, KeyError):
            raise ModelFileError(
                f"The checkpoint {self._checkpoint} cannot be read: it is damaged.",
                "Remove it, and the same command starts anew; nothing else was changed.",
            ) from None
        if state["identity"] != self._identity():
            raise InvalidRequest(
                "The folder holds a checkpoint of other rows or another recipe.",
                "Give another --name, or remove it with `tandem adapters remove`.",
            )
        for name, weight in self._weights.items():
            weight.data.copy_(tensors[f"w:{name}"])
            if moments := moments_of(name, tensors, weight.device):
                self._optimizer.state[weight] = moments
        self._done, self._seconds = state["done"], state["seconds"]
        self._tokens, self._losses = state["tokens"], state["losses"]


def moments_of(name: str, tensors: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """What a checkpoint's `tensors` hold of AdamW's state of the weight `name`, as AdamW has it:
    its moments beside the weight, on `device`, and its count of steps on the CPU."""
    found = {
        key: tensors[f"o:{key}:{name}"]
        for key in ("step", "exp_avg", "exp_avg_sq")
        if f"o:{key}:{name}" in tensors
    }
    return {key: one if key == "step" else one.to(device) for key, one in found.items()}


def _no_room(what: str, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{what} could not be written: {getattr(error, 'strerror', None) or error}.",
        "Make room and start the same command: it goes on from the last whole checkpoint. What is "
        "in force is as before.",
    )


def _layers(count: int, recipe: Recipe) -> list[int] | None:
    """Numbers of the layers that learn; None: all of them."""
    return list(range(count))[-recipe.last_layers :] if recipe.last_layers else None


def peak_bytes() -> int:
    """The most memory that this process has held."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

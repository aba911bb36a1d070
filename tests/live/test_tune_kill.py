"""A training that is killed (kill -9) at any moment, or finds no room, goes on by the same command
and ends as if nothing had happened. A tiny model of random weights; needs the extra `tune`."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

TRAINING = """
import json, resource, sys, time
from pathlib import Path
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM
from tandem.errors import ModelFileError
from tandem.loop.tune import training
from tandem.loop.tune.base_model import TrainableBase
from tandem.loop.tune.recipe import Recipe, TuningRow

class Letters:
    eos_token_id = pad_token_id = 0
    def apply_chat_template(self, turns, **_):
        return "".join(turn["content"] for turn in turns)
    def __call__(self, text, **_):
        return {"input_ids": [1 + ord(letter) % 63 for letter in text]}

folder, most = Path(sys.argv[1]), int(sys.argv[2])
training.CHECKPOINT_S = 0.0
torch.set_num_threads(1)
torch.manual_seed(1)
config = Qwen2Config(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=2, num_key_value_heads=1)
base = TrainableBase(Qwen2ForCausalLM(config).to(torch.bfloat16), Letters(), folder)
turn = lambda text: ({"role": "user", "content": text},)
rows = [TuningRow(turn(f"row {n} " + "x" * (n % 7)), "up" if n % 2 else "down") for n in range(96)]
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
def tell(progress):
    print(progress.step, flush=True)
    time.sleep(0.02)
try:
    done = training.train(base, rows, Recipe(minutes=0, epochs=3, threads=1), folder, tell)
except ModelFileError as error:
    print(f"error: {error}")
    sys.exit(1)
"""
STEPS = 36


def start(folder: Path, most: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TRAINING, str(folder), str(most)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def sum_of(folder: Path) -> str:
    return hashlib.sha256((folder / "peft" / "adapter_model.safetensors").read_bytes()).hexdigest()


def ended(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=300)
    return out.splitlines()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert ended(start(folder))[-1] == str(STEPS)
    return sum_of(folder)


def test_killed_at_many_moments_it_ends_as_if_undisturbed(tmp_path: Path, undisturbed: str) -> None:
    steps: list[int] = []
    for kill, wait in ((1, 0.0), (9, 0.011), (17, 0.003), (25, 0.017), (STEPS, 0.0)):
        process = start(tmp_path)
        assert process.stdout is not None
        seen = [int(line) for line in iter(process.stdout.readline, f"{kill}\n") if line.strip()]
        time.sleep(wait)  # a step, or the writing of a checkpoint, is under way
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        steps += seen[:1]
    assert steps == sorted(steps)
    assert steps[-1] > 20, "it went on from a checkpoint, not from the beginning"
    assert ended(start(tmp_path))[-1:] in ([str(STEPS)], [])
    assert sum_of(tmp_path) == undisturbed


def test_without_room_the_last_checkpoint_is_kept(tmp_path: Path, undisturbed: str) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    for _ in iter(process.stdout.readline, "9\n"):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    checkpoint = tmp_path / "checkpoint.safetensors"
    before = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    told = ended(start(tmp_path, most=checkpoint.stat().st_size // 2))
    assert "could not be written" in told[-1]
    assert "goes on" in told[-1]
    assert hashlib.sha256(checkpoint.read_bytes()).hexdigest() == before
    assert ended(start(tmp_path))[-1] == str(STEPS)
    assert sum_of(tmp_path) == undisturbed


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 4000])
def test_a_damaged_checkpoint_is_told_of(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    assert "is damaged" in ended(start(tmp_path))[-1]

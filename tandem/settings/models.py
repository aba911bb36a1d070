"""Models, their prices, and the two tiers."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from tandem.settings.base import Section

Backend = Literal["embedded", "huggingface", "openai"]
Dialect = Literal["llamacpp", "tgi", "vllm", "openai"]


class Price(Section):
    """What a model's use costs. List prices by `priced_as` (genai-prices), or own rates."""

    priced_as: str = ""
    per_million_input: float = Field(default=0.0, ge=0)
    per_million_output: float = Field(default=0.0, ge=0)
    per_second: float = Field(default=0.0, ge=0)


class Model(Section):
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
    adapters: tuple[str, ...] = ()
    """Hosted (vllm): names of the LoRA adapters that the server was started with. The embedded
    server loads those that are promoted."""
    price: Price = Price()

    @model_validator(mode="after")
    def _reachable(self) -> Model:
        if self.backend == "embedded" and not (self.model or self.path):
            raise ValueError("an embedded model needs `model` (a catalogue name) or `path`")
        if self.backend == "huggingface" and not self.url and not self.preset:
            raise ValueError("a huggingface model needs `url` or `preset`")
        return self


class TierSettings(Section):
    """A tier's model and, in order, the models that stand in when it is down."""

    model: str
    stand_ins: tuple[str, ...] = ()


class Tiers(Section):
    """The two tiers."""

    slm: TierSettings = TierSettings(model="slm-embedded")
    llm: TierSettings = TierSettings(model="llm-embedded")


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

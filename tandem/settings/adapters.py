"""Fine-tuned adapters: where they lie, and whether they are used."""

from __future__ import annotations

from tandem.settings.base import Section


class AdapterSettings(Section):
    """The LoRA adapters of `tandem tune`."""

    dir: str = ".tandem/adapters"
    enabled: bool = True
    """Whether promoted adapters are used. False: the small model as it is."""

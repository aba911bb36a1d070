"""PostgreSQL's checkpointer with nothing of a request in clear.

LangGraph's own writes texts, unlike all else, into a JSON column as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langgraph.checkpoint.postgres import PostgresSaver

TEXT: Final = "tandem:text"


class SealingPostgresSaver(PostgresSaver):
    """Hands texts to the serializer too; only ids, numbers and times stay readable."""

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """As PostgresSaver's."""
        values = {
            key: {TEXT: value} if isinstance(value, str) else value
            for key, value in checkpoint["channel_values"].items()
        }
        sealed: Any = {**checkpoint, "channel_values": values}
        return super().put(config, sealed, metadata, new_versions)

    def _load_checkpoint_tuple(self, value: Any) -> Any:
        loaded = super()._load_checkpoint_tuple(value)
        values = loaded.checkpoint["channel_values"]
        for key, held in values.items():
            if isinstance(held, Mapping) and held.keys() == {TEXT}:
                values[key] = held[TEXT]
        return loaded

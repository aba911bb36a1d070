"""How checkpoints are written: strict msgpack, encrypted where there is a key. Never a pickle."""

from __future__ import annotations

import os
from typing import Any, Final

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from tandem.errors import SettingsError

Serializer = SerializerProtocol
KEY_BYTES: Final = (16, 24, 32)
"""AES-128, AES-192 and AES-256."""


def key_of(variable: str) -> bytes | None:
    """The key that an environment variable holds; None where it is not set.

    Raises
    ------
    SettingsError: it is no AES key.
    """
    key = os.environ.get(variable, "").encode()
    if not key:
        return None
    if len(key) not in KEY_BYTES:
        raise SettingsError(
            f"The key in {variable} has {len(key)} bytes, and AES takes 16, 24 or 32.",
            f"Set another, such as `export {variable}=$(openssl rand -hex 16)`.",
        )
    return key


def serializer(key: bytes | None) -> Serializer:
    """Writes plain data only, and refuses to make any other object when reading; with AES-EAX
    (which also tells tampering) where there is a key. It reads what was written without one."""
    plain = JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None)
    return EncryptedSerializer.from_pycryptodome_aes(plain, key=key) if key else plain


def encrypts(serde: Any) -> bool:
    """Whether a checkpointer's serializer encrypts."""
    return isinstance(serde, EncryptedSerializer)


def seal(serde: Serializer, value: Any) -> bytes:
    """A value as bytes, as a checkpoint holds it."""
    kind, data = serde.dumps_typed(value)
    return kind.encode() + b"\n" + data


def unseal(serde: Serializer, sealed: bytes) -> Any:
    """The value that was sealed."""
    kind, _, data = sealed.partition(b"\n")
    return serde.loads_typed((kind.decode(), data))

"""Arrays in JSON: base64 of little-endian numbers, so that a calibration is one readable file."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

Kind = Literal["f4", "f2", "i1"]
_TYPES: Final[dict[Kind, str]] = {"f4": "<f4", "f2": "<f2", "i1": "|i1"}
_INT8: Final = 127.0


class Packed(TypedDict):
    """An array as JSON. `scale` is what the numbers are multiplied by when they are read."""

    kind: Kind
    shape: list[int]
    scale: float
    data: str


def pack(values: NDArray[Any], kind: Kind = "f4") -> Packed:
    """`values` as JSON; `i1` keeps 8 bits of each, by the largest of them."""
    given = np.asarray(values, dtype=np.float64)
    scale = 1.0
    if kind == "i1":
        scale = float(np.abs(given).max(initial=0.0)) / _INT8 or 1.0
        given = np.rint(given / scale)
    data = base64.b64encode(given.astype(_TYPES[kind]).tobytes()).decode("ascii")
    return {"kind": kind, "shape": list(given.shape), "scale": scale, "data": data}


def unpack(packed: Packed) -> NDArray[np.float32]:
    """The array of `packed`, as 32-bit numbers.

    Raises
    ------
    ValueError: the data are damaged, or not of the shape that is told.
    """
    try:
        data = base64.b64decode(packed["data"], validate=True)
        read = np.frombuffer(data, dtype=_TYPES[packed["kind"]]).reshape(packed["shape"])
    except (binascii.Error, KeyError, TypeError) as error:
        raise ValueError("an array of the file is damaged") from error
    return read.astype(np.float32) * np.float32(packed["scale"])

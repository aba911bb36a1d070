"""The state of the graph that writes long texts."""

from __future__ import annotations

from tandem.nodes.longform.writing import Section
from tandem.nodes.state import State


class LongformState(State, total=False):
    """What travels between its nodes. JSON-plain, as State; `prepared` is the plan."""

    sections: list[Section]
    """Those that are written, in order."""
    opened: bool
    """A section that broke off in an earlier answer was gone on with."""
    stopped: str
    """Code of the error that ended the writing before its end."""

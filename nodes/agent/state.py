"""The state of the agent's graph. Steps that run in parallel write only the keys with a reducer;
`dispatch` folds these into the keys that the main graph knows."""

from __future__ import annotations

import operator
from typing import Annotated

from typing_extensions import TypedDict

from tandem.nodes.state import State
from tandem.records import Attempt, Delegated, Step


class Sending(TypedDict):
    """A step that something is to be done about now."""

    node: str
    """`fill` where arguments are missing, `approve` where the tool has side effects, else `act`."""
    step: Step


class AgentState(State, total=False):
    """What travels between the agent's nodes. JSON-plain, as State."""

    step: Step
    """The step in hand; in what Send gives to one node."""
    results: Annotated[list[Step], operator.add]
    """Steps as `fill`, `act` and `approve` left them. The last one of an id holds."""
    taken: int
    """So many of `results` are in `steps` by now."""
    made: Annotated[list[Attempt], operator.add]
    """Attempts of steps; dispatch adds them to `attempts`."""
    spent: Annotated[list[Delegated], operator.add]
    """What delegated requests cost; dispatch adds them to `delegated`."""
    sendings: list[Sending]
    """What dispatch decided on; the router turns each into a Send."""
    limit: str
    """The limit that was reached, in words."""

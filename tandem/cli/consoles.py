"""Where commands print their tables and lines."""

from __future__ import annotations

from rich.console import Console


def plain_console(*, soft_wrap: bool = False, highlight: bool = True) -> Console:
    """Standard output that prints what it is given: `[shadow] share` names a setting, and is no
    markup to be read and left out."""
    return Console(markup=False, soft_wrap=soft_wrap, highlight=highlight)

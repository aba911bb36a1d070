"""How many threads each embedded server gets.

Two busy servers with more threads than there are cores wait for each other at every layer: on two
cores, two threads each made a 3-second call take 83.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tandem.models.files import settings_models
from tandem.settings import Settings

_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """Cores that this process may use: its affinity, and a container's quota if there is one."""
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    return max(1, min(usable, _quota(_QUOTA) or usable))


def threads_for(settings: Settings, usable: int | None = None) -> dict[str, int]:
    """Threads of each embedded model that the settings' tiers, stand-ins and tasks use, by name.

    What `threads` does not fix is shared out evenly among the distinct model files; at least 1.
    Stand-ins count too: they are busy exactly when the other tier may be.
    """
    used = {
        name: settings.models[name]
        for name in settings_models(settings)
        if settings.models[name].backend == "embedded"
    }
    fixed = {(m.path or m.model): m.threads for m in used.values() if m.threads}
    sharing = {m.path or m.model for m in used.values() if not m.threads}
    left = (cores() if usable is None else usable) - sum(fixed.values())
    share = max(1, left // max(1, len(sharing)))
    return {name: model.threads or share for name, model in used.items()}


def _quota(file: Path) -> int:
    """Whole cores that the control group allows; 0: no limit, or none known."""
    try:
        allowed, period = file.read_text(encoding="ascii").split()
        return 0 if allowed == "max" else max(1, int(allowed) // int(period))
    except (OSError, ValueError):
        return 0

"""Write the table of the runtime packages' licences into THIRD_PARTY_NOTICES.md.

Run by `make lock` in an environment that holds the packages of requirements.lock. Fails where a
licence is unknown, or one that Tandem's users could not accept (GPL, AGPL, non-commercial...).
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements.lock"
NOTICES: Final = ROOT / "THIRD_PARTY_NOTICES.md"
START: Final = "<!-- licences: written by make lock -->"
REFUSED: Final = re.compile(
    r"GPL|General Public|SSPL|Server Side|Elastic|Business Source|BUSL|Commons Clause"
    r"|non-?commercial|CC-BY-NC|proprietary",
    re.IGNORECASE,
)
# For packages that name their licence only in a text file, or not in SPDX's words.
BY_HAND: Final = {
    "colorama": "BSD-3-Clause",
    "pypdfium2": "BSD-3-Clause OR Apache-2.0 (holds PDFium: BSD-3-Clause)",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
}
PLATFORMS: Final = ("linux", "darwin", "win32")
_REQUIREMENT: Final = re.compile(r"^[a-z0-9._-]+==[^\\]+", re.MULTILINE)


def locked() -> dict[str, str]:
    """Name and version of each package that the base lock installs on one of PLATFORMS."""
    lines = _REQUIREMENT.findall(LOCK.read_text(encoding="utf-8"))
    return {
        package.name: str(package.specifier).removeprefix("==")
        for package in map(Requirement, lines)
        if package.marker is None
        or any(package.marker.evaluate({"sys_platform": name}) for name in PLATFORMS)
    }


def licence_of(package: Distribution) -> str:
    """The licence as the package's metadata says it; empty where it says nothing."""
    told = package.metadata.json
    if expression := told.get("license_expression"):
        return str(expression)
    classified = [
        line.rsplit(" :: ", 1)[-1]
        for line in told.get("classifier", [])
        if line.startswith("License ::")
    ]
    return (", ".join(classified) or str(told.get("license", ""))).partition("\n")[0]


def licences() -> dict[str, str]:
    """Licence of each package of the base lock; empty where it is unknown."""
    found = {}
    for name in locked():
        try:
            found[name] = BY_HAND.get(name) or licence_of(distribution(name))
        except PackageNotFoundError:
            found[name] = BY_HAND.get(name, "")
    return found


def table() -> str:
    """The rows of the notices' table."""
    versions = locked()
    rows = [f"| {name} | {versions[name]} | {text} |" for name, text in licences().items()]
    return "\n".join(["| package | version | licence |", "| --- | --- | --- |", *rows]) + "\n"


def main() -> int:
    """Write the table; 1 where a licence is unknown or refused."""
    bad = [name for name, text in licences().items() if not text or REFUSED.search(text)]
    if bad:
        sys.stderr.write(f"Look at the licence of: {', '.join(bad)}.\n")
        return 1
    head, _, _ = NOTICES.read_text(encoding="utf-8").partition(START)
    NOTICES.write_text(f"{head}{START}\n\n{table()}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

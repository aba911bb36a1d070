"""The package's links, what its files may say, and what an installation brings along."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import tandem

ROOT = Path(__file__).parents[2]
LINKED = ("graphs", "nodes", "tools", "evals")
# Written in parts, so that this file does not hold them itself.
FORBIDDEN = re.compile(
    "|".join(
        [
            r"(?<![\w.:/-])/" + r"(?:work|root|home/\w+|tmp/(?:scratch|pytest))/",
            r"\b(?:pypi|test\.pypi)\." + r"org",
            r"files\.python" + r"hosted",
            r"\.\./sha" + r"red",
        ]
    )
)


def committed_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix != ".pdf"]


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = spec_from_file_location("licences", ROOT / ".ci" / "licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", LINKED)
def test_a_top_level_folder_is_a_relative_link_in_the_package(name: str) -> None:
    link = ROOT / "tandem" / name

    assert link.is_symlink()
    assert link.readlink() == Path("..") / name
    assert (link / "__init__.py").is_file()


def test_links_that_came_out_as_text_are_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "nodes").write_text("../nodes")

    with pytest.raises(ImportError, match=r"git config core\.symlinks true") as caught:
        tandem._refuse_broken_links(tmp_path)
    assert "\n" not in str(caught.value)


def test_every_module_file_belongs_to_a_room() -> None:
    rooms = {path.parent.name for path in (ROOT / "tandem").glob("*/__init__.py")}

    assert rooms == {
        "checkpoints",
        "cli",
        "evals",
        "graphs",
        "knowledge",
        "ledger",
        "loop",
        "mcp",
        "models",
        "nodes",
        "privacy",
        "quality",
        "routing",
        "runs",
        "settings",
        "tools",
    }


def test_importing_tandem_loads_nothing_heavy() -> None:
    code = (
        "import json, sys, tandem; "
        "print(json.dumps([name for name in sys.modules if '.' not in name]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=ROOT
    )

    heavy = {"langchain_core", "langgraph", "openai", "onnxruntime", "faiss", "numpy", "pydantic"}
    assert not heavy & set(json.loads(done.stdout))


def test_exports() -> None:
    assert tandem.__version__
    assert issubclass(tandem.SettingsError, tandem.TandemError)
    with pytest.raises(AttributeError, match="no attribute 'Tandems'"):
        _ = tandem.Tandems


def test_no_committed_file_names_a_machine_or_a_package_index() -> None:
    found = []
    for path in committed_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if FORBIDDEN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")

    assert found == []


def test_the_locks_agree() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))

    base, dev = pins("requirements.lock"), pins("requirements-dev.lock")

    assert base.items() <= dev.items()
    assert "setuptools" in base
    assert "langgraph-api" not in base


def test_every_licence_of_the_base_lock_is_known_and_acceptable(licences: ModuleType) -> None:
    found = licences.licences()

    assert [name for name, text in found.items() if not text] == []
    assert [name for name, text in found.items() if licences.REFUSED.search(text)] == []


def test_the_notices_list_what_the_base_lock_installs(licences: ModuleType) -> None:
    assert licences.table() in (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")

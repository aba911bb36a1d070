"""No tenant sees another's knowledge, unless it is declared to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest, KnowledgeError
from tandem.graphs.hybrid import build
from tandem.knowledge.index import KnowledgeIndex
from tandem.knowledge.store import MANIFEST
from tandem.models import embeddings
from tandem.nodes.agent.tools import agent_tools
from tandem.services import Services
from tandem.settings import Settings
from tests.unit.services import FakeServices

TENANTS = {
    "acme": {"index_dir": "acme"},
    "bolt": {"index_dir": "bolt"},
    "cask": {"shared": True},
    "dune": {},
}


class Opened:
    """An index that tells which one it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def search(self, text: str, k: int) -> list[Any]:
        return [{"chunk": {"text": f"{self.folder.name}: {text}"}}][:k]


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    def opened(folder: Path, _embeddings: Any) -> Opened:
        return Opened(folder)

    monkeypatch.setattr(KnowledgeIndex, "open", opened)
    for name in ("acme", "bolt", ".tandem/index"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / MANIFEST).touch()
    made = Services(Settings.model_validate({"home": tmp_path, "tenants": TENANTS}))
    made.__dict__["embeddings"] = object()
    return made


@pytest.mark.parametrize(
    ("tenant", "index"),
    [("acme", "acme"), ("bolt", "bolt"), ("cask", "index"), ("", "index")],
)
def test_each_tenant_searches_its_own_index(services: Services, tenant: str, index: str) -> None:
    (hit,) = services.search("hours", 1, tenant)
    assert hit["chunk"]["text"] == f"{index}: hours"


def test_a_tenant_without_knowledge_gets_none_of_the_others(services: Services) -> None:
    assert not services.has_knowledge("dune")
    with pytest.raises(KnowledgeError, match="no knowledge index of its own"):
        services.search("hours", 1, "dune")


@pytest.mark.parametrize(
    ("tenant", "offered"), [("acme", True), ("cask", True), ("dune", False), ("", True)]
)
def test_an_agent_is_offered_a_search_of_the_tenant_s_own(
    services: Services, tenant: str, offered: bool
) -> None:
    tools = agent_tools(services, lambda _request: {}, (), {"text": "x", "tenant": tenant})  # type: ignore[arg-type,return-value,typeddict-item]
    assert ("search_knowledge" in tools) == offered


def test_a_folder_that_holds_no_index_is_no_knowledge(tmp_path: Path) -> None:
    services = FakeServices(tmp_path)
    (tmp_path / ".tandem" / "index").mkdir(parents=True)
    assert not services.has_knowledge("")
    tools = agent_tools(services, lambda _request: {}, (), {"text": "x"})  # type: ignore[arg-type,return-value,typeddict-item]
    assert not {"search_knowledge", "faq", "support_reply", "read_document"} & tools.keys()


def test_an_unknown_tenant_is_refused_before_any_model_is_asked(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, tenants=TENANTS)
    request = {"text": "A fine film.", "task": "sentiment", "labels": ["a", "b"], "tenant": "eve"}
    answer = build(services).compile().invoke({"request": request})["answer"]
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == InvalidRequest.code
    assert "tenant is not declared" in answer["error"]["what"]
    assert "eve" not in answer["error"]["what"]


def test_without_declared_tenants_every_name_is_one(tmp_path: Path) -> None:
    assert FakeServices(tmp_path).shares("anybody")


@pytest.mark.parametrize(
    ("tenants", "said"),
    [
        ({"a": {"index_dir": ".tandem/index"}}, "knowledge has the same"),
        ({"a": {"index_dir": "x"}, "b": {"index_dir": "x"}}, "tenants.a has the same"),
        ({"a": {"shared": True, "index_dir": "x"}}, "leave folder, index_dir out"),
        ({"a": {"folder": "x"}}, "needs an index_dir"),
    ],
)
def test_a_common_index_must_be_said(tenants: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings.model_validate({"tenants": tenants})


@pytest.mark.parametrize(("tenants", "kept"), [(TENANTS, 0), ({"cask": {"shared": True}}, 1024)])
def test_no_vector_is_kept_for_tenants_that_share_nothing(
    monkeypatch: pytest.MonkeyPatch, tenants: Any, kept: int
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        embeddings,
        "build_embeddings",
        lambda settings, _resolve: seen.append(settings.embeddings.cached_texts),
    )
    assert Services(Settings.model_validate({"tenants": tenants})).embeddings is None
    assert seen == [kept]

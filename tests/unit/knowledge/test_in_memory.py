"""Search over documents by value, and folders as documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import DocumentError, InvalidRequest
from tandem.knowledge.documents import read_start
from tandem.knowledge.folder import load_folder
from tandem.knowledge.in_memory import EMBEDDED, InMemoryIndex
from tandem.settings import Limits
from tests.unit.nodes.research.words import WordEmbeddings

PAGES = {
    "lockers.md": "# Lockers\n\nA locker costs 8 dollars a month.\n\n# Keys\n\nThe porter has.",
    "gym.txt": "A gym card costs 5 dollars a month.",
}


def test_the_best_chunk_comes_first_with_its_place_in_the_document() -> None:
    index = InMemoryIndex(PAGES, WordEmbeddings, 120)
    best, *_ = index.search("What does a locker cost?", 2)
    chunk = best["chunk"]
    assert (chunk["source"], chunk["heading"]) == ("lockers.md", "Lockers")
    assert PAGES["lockers.md"][chunk["start"] : chunk["end"]] == chunk["text"]
    assert len(index.search("locker", 2)) == 2
    assert index.search("locker", 0) == index.search("  ", 5) == []


def test_documents_without_text_hold_nothing() -> None:
    assert (
        InMemoryIndex({"empty.txt": "", "marks.md": "\n"}, WordEmbeddings, 20).search("a", 3) == []
    )


def test_of_a_huge_document_a_bounded_part_is_embedded() -> None:
    text = "\n\n".join(f"Paragraph {number} tells of matter {number}." for number in range(3000))
    embeddings = WordEmbeddings()
    index = InMemoryIndex({"huge.txt": text}, lambda: embeddings, 20)
    assert "matter 2718." in index.search("matter 2718", 3)[0]["chunk"]["text"]
    assert embeddings.embedded == EMBEDDED + 1


@settings(max_examples=30)
@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=200), max_size=4), st.text()
)
def test_any_documents_can_be_searched(pages: dict[str, str], query: str) -> None:
    for hit in InMemoryIndex(pages, WordEmbeddings, 20).search(query, 3):
        chunk = hit["chunk"]
        assert pages[chunk["source"]][chunk["start"] : chunk["end"]] == chunk["text"]


def test_of_a_long_document_the_beginning_is_read() -> None:
    document = {"name": "a.txt", "text": "x" * 30}
    assert read_start(document, Limits(text_chars=5), 10) == ("x" * 10, 30)  # type: ignore[arg-type]
    with pytest.raises(DocumentError, match="empty"):
        read_start({"name": "a.txt", "text": ""}, Limits(), 10)


def test_a_folder_becomes_documents_and_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "gym.txt").write_text(PAGES["gym.txt"])
    (tmp_path / "lockers.md").write_text(PAGES["lockers.md"])
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "large.txt").write_text("x" * 2000)
    (tmp_path / "picture.pdf").write_bytes(b"\x89PNG")
    (tmp_path / "tool.exe").write_bytes(b"MZ")
    (tmp_path / ".hidden.txt").write_text("hidden")
    found = {one["name"]: one for one in load_folder(tmp_path, Limits(document_bytes=1000))}
    assert set(found) == {"sub/gym.txt", "lockers.md", "empty.txt", "large.txt", "picture.pdf"}
    assert found["sub/gym.txt"]["text"] == PAGES["gym.txt"]
    assert "larger" in found["large.txt"]["unreadable"]
    assert "picture" in found["picture.pdf"]["unreadable"]


def test_a_file_that_nobody_may_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may run as root, who may read everything."""
    (tmp_path / "closed.txt").write_text("secret")
    opened = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "closed.txt":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    (document,) = load_folder(tmp_path, Limits())
    assert document["unreadable"] == "closed.txt cannot be opened: Permission denied."


def test_an_empty_or_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no file that Tandem reads"):
        load_folder(tmp_path, Limits())
    with pytest.raises(DocumentError, match="does not exist"):
        load_folder(tmp_path / "none", Limits())
    (tmp_path / ".hidden.txt").write_text("hidden")
    with pytest.raises(DocumentError, match="no file that Tandem reads"):
        load_folder(tmp_path, Limits())


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("text")
    with pytest.raises(InvalidRequest, match="holds 3 files"):
        load_folder(tmp_path, Limits(documents=2))

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from tandem.errors import KnowledgeError
from tandem.knowledge import build
from tandem.knowledge.index import LEXICAL_WEIGHT, KnowledgeIndex
from tandem.settings import Limits
from tests.unit.knowledge.makers import WordEmbeddings, pdf

LIMITS = Limits()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pages = tmp_path / "pages"
    (pages / "sub").mkdir(parents=True)
    (pages / "leave.md").write_text("# Leave\n\nYou get thirty days of annual leave.")
    (pages / "sub" / "travel.md").write_text(
        "# Travel\n\nBook trains early.\n\n## Hotels\n\nKeep bills."
    )
    (pages / "tools.pdf").write_bytes(pdf("Ask the help desk for a laptop."))
    return pages


@pytest.fixture
def index_dir(tmp_path: Path) -> Path:
    return tmp_path / "index"


def make(folder: Path, index_dir: Path) -> build.BuildReport:
    return KnowledgeIndex.build(folder, index_dir, WordEmbeddings(), LIMITS)


def test_build_open_search_read(folder: Path, index_dir: Path) -> None:
    report = make(folder, index_dir)
    assert report.added == ("leave.md", "sub/travel.md", "tools.pdf")
    assert (report.pages, report.chunks, report.embedded) == (3, 4, 4)
    index = KnowledgeIndex.open(index_dir, WordEmbeddings())
    assert (index.sources, index.size) == (report.added, 4)
    hits = index.search("how many days of annual leave", 3)
    assert hits[0]["chunk"] == {
        "id": "leave.md#1",
        "source": "leave.md",
        "heading": "Leave",
        "text": "You get thirty days of annual leave.",
        "start": 9,
        "end": 45,
    }
    assert index.search("laptop help desk", 1)[0]["chunk"]["source"] == "tools.pdf"
    assert index.read("sub/travel.md").startswith("# Travel")


def test_scores_are_fused_and_sorted(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    index = KnowledgeIndex.open(index_dir, WordEmbeddings())
    hits = index.search("annual leave trains", 10)
    assert len(hits) == 4
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for hit in hits:
        assert hit["score"] == pytest.approx(hit["cosine"] + LEXICAL_WEIGHT * hit["lexical"])
        assert (hit["lexical"] > 0) == (hit["chunk"]["id"] in ("leave.md#1", "sub/travel.md#1"))
        assert -1.001 <= hit["cosine"] <= 1.001
    assert index.search("  ", 3) == index.search("annual", 0) == []
    assert all(hit["lexical"] == 0 for hit in index.search("zzz", 4))


def test_only_changed_files_are_embedded_again(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    before = KnowledgeIndex.open(index_dir, WordEmbeddings()).search("keep hotel bills", 4)
    (folder / "leave.md").write_text("# Leave\n\nYou get forty days.")
    (folder / "new.txt").write_text("Brand new text.")
    (folder / "tools.pdf").unlink()
    embeddings = WordEmbeddings()
    report = KnowledgeIndex.build(folder, index_dir, embeddings, LIMITS)
    assert report.changed == ("leave.md",)
    assert report.added == ("new.txt",)
    assert report.removed == ("tools.pdf",)
    assert embeddings.asked == ["Leave\nYou get forty days.", "new\nBrand new text."]
    index = KnowledgeIndex.open(index_dir, WordEmbeddings())
    assert index.sources == ("leave.md", "new.txt", "sub/travel.md")
    after = index.search("keep hotel bills", 4)
    assert after[0]["chunk"] == before[0]["chunk"]
    assert after[0]["cosine"] == pytest.approx(before[0]["cosine"])
    assert len(list(index_dir.glob("*.faiss"))) == 1


def test_nothing_changed_writes_nothing(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    stamp = (index_dir / "index.json").stat().st_mtime_ns
    report = make(folder, index_dir)
    assert (report.embedded, report.added, report.chunks) == (0, (), 4)
    assert (index_dir / "index.json").stat().st_mtime_ns == stamp


def test_removing_a_file_alone_is_a_change(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    (folder / "leave.md").unlink()
    assert make(folder, index_dir).removed == ("leave.md",)
    assert KnowledgeIndex.open(index_dir, WordEmbeddings()).size == 3


def test_unreadable_files_are_reported_and_skipped(folder: Path, index_dir: Path) -> None:
    (folder / "locked.pdf").write_bytes(pdf("x", password="pw"))
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.md").write_text("hidden")
    report = make(folder, index_dir)
    assert report.pages == 3
    assert report.skipped.keys() == {"locked.pdf"}
    assert "encrypted" in report.skipped["locked.pdf"]


def test_links_out_of_the_folder_are_not_followed(
    folder: Path, index_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "private.txt").write_text("private")
    (folder / "link.txt").symlink_to(tmp_path / "private.txt")
    assert "link.txt" not in make(folder, index_dir).added


def test_other_embeddings_are_refused_and_rebuilt(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    other = WordEmbeddings()
    other.fingerprint = "words:other"
    with pytest.raises(KnowledgeError, match=r"words:64.*words:other.*tandem index build"):
        KnowledgeIndex.open(index_dir, other)
    assert KnowledgeIndex.build(folder, index_dir, other, LIMITS).embedded == 4
    assert KnowledgeIndex.open(index_dir, other).size == 4


def test_other_chunk_words_rebuild(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    report = KnowledgeIndex.build(folder, index_dir, WordEmbeddings(), LIMITS, chunk_words=3)
    assert report.embedded == report.chunks > 4


def cut_manifest(index_dir: Path) -> None:
    file = index_dir / "index.json"
    file.write_bytes(file.read_bytes()[:-20])


def cut_vectors(index_dir: Path) -> None:
    (file,) = index_dir.glob("*.faiss")
    file.write_bytes(file.read_bytes()[:-20])


def lose_vectors(index_dir: Path) -> None:
    next(index_dir.glob("*.faiss")).unlink()


def edit(**changes: object) -> Callable[[Path], None]:
    def change(index_dir: Path) -> None:
        file = index_dir / "index.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (cut_manifest, "damaged or cut short"),
        (cut_vectors, "damaged or cut short"),
        (lose_vectors, "is missing"),
        (edit(format=0), "another version"),
        (edit(vectors="../../secret"), "damaged"),
        (edit(pages={}), "do not fit together"),
        (edit(dimensions=3), "do not fit together"),
    ],
)
def test_a_harmed_index_is_refused_and_can_be_rebuilt(
    folder: Path, index_dir: Path, harm: Callable[[Path], None], words: str
) -> None:
    make(folder, index_dir)
    harm(index_dir)
    with pytest.raises(KnowledgeError, match=words) as raised:
        KnowledgeIndex.open(index_dir, WordEmbeddings())
    assert "tandem index build" in raised.value.remedy
    assert make(folder, index_dir).embedded == 4
    assert KnowledgeIndex.open(index_dir, WordEmbeddings()).size == 4


def test_no_index_yet(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="There is no knowledge index") as raised:
        KnowledgeIndex.open(tmp_path / "nowhere", WordEmbeddings())
    assert "tandem index build" in raised.value.remedy


def test_folders_without_knowledge(tmp_path: Path, folder: Path, index_dir: Path) -> None:
    with pytest.raises(KnowledgeError, match="does not exist"):
        make(tmp_path / "nowhere", index_dir)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(KnowledgeError, match="holds no file that Tandem reads"):
        make(empty, index_dir)
    make(folder, index_dir)
    (empty / "blank.md").write_text(" \n")
    with pytest.raises(KnowledgeError, match=r"No file .* could be read: blank.md is empty"):
        make(empty, index_dir)
    assert KnowledgeIndex.open(index_dir, WordEmbeddings()).size == 4


def test_two_builds_at_once(folder: Path, index_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "LOCK_SECONDS", 0.05)
    index_dir.mkdir()
    with (
        FileLock(index_dir / "build.lock"),
        pytest.raises(KnowledgeError, match="Another build"),
    ):
        make(folder, index_dir)


def test_an_index_dir_that_is_a_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(KnowledgeError, match="cannot be written"):
        make(folder, tmp_path / "file")


def test_vectors_that_cannot_be_written(folder: Path, index_dir: Path) -> None:
    (index_dir / "vectors.partial").mkdir(parents=True)
    with pytest.raises(KnowledgeError, match="cannot be written"):
        make(folder, index_dir)


def test_a_build_that_breaks_off_leaves_the_old_index(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    (folder / "new.md").write_text("more")

    class Broken(WordEmbeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        KnowledgeIndex.build(folder, index_dir, Broken(), LIMITS)
    assert KnowledgeIndex.open(index_dir, WordEmbeddings()).size == 4


def test_progress_ends_with_all_chunks(folder: Path, index_dir: Path) -> None:
    seen: list[tuple[int, int]] = []
    KnowledgeIndex.build(
        folder,
        index_dir,
        WordEmbeddings(),
        LIMITS,
        lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (4, 4)


def test_pages_are_read_by_name_only(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    index = KnowledgeIndex.open(index_dir, WordEmbeddings())
    for name in ("../pages/leave.md", str(folder / "leave.md"), ""):
        with pytest.raises(KnowledgeError, match="no page of that name"):
            index.read(name)


def test_threads_find_the_same(folder: Path, index_dir: Path) -> None:
    make(folder, index_dir)
    index = KnowledgeIndex.open(index_dir, WordEmbeddings())
    questions = ["annual leave", "book trains", "help desk", "keep bills"] * 25
    alone = [index.search(question, 2) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda question: index.search(question, 2), questions)) == alone

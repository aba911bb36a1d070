"""How well and how fast the knowledge base is searched, on documents and questions of your own.

    python bench/retrieval.py FOLDER QUESTIONS.jsonl [--foreign OTHER.jsonl] --models DIR

QUESTIONS has `input`, `source` (the page) and `passage` (the gold text) a line; OTHER has questions
(`input`) that the documents do not answer. A chunk is right when it is of the gold page and the
part of it that also stands in the passage makes up half of the passage's words, or half of its own
(a long passage is cut into several chunks).
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tandem.knowledge.build import BuildReport, build_index
from tandem.knowledge.chunks import Chunk
from tandem.knowledge.index import Hit, KnowledgeIndex
from tandem.models.embeddings import OnnxMiniLM
from tandem.settings import Limits

K = 10


def read_rows(path: Path, most: int = 0) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return rows[:: max(1, len(rows) // most)][:most] if most else rows


def is_right(chunk: Chunk, row: dict[str, str]) -> bool:
    if chunk["source"] != row["source"]:
        return False
    passage, own = Counter(row["passage"].split()), Counter(chunk["text"].split())
    common = (passage & own).total()
    return common * 2 >= min(passage.total(), own.total())


def recall(found: Sequence[Sequence[Hit]], rows: Sequence[dict[str, str]], k: int) -> float:
    pairs = zip(found, rows, strict=True)
    return statistics.mean(any(is_right(h["chunk"], row) for h in hits[:k]) for hits, row in pairs)


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Probability that a positive has the higher score (Mann-Whitney)."""
    p, n = np.array(positive)[:, None], np.array(negative)[None, :]
    return float(((p > n) + 0.5 * (p == n)).mean())


def median_ms(work: Callable[[str], object], texts: Sequence[str]) -> float:
    seconds = []
    for text in texts:
        start = time.perf_counter()
        work(text)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1000


def embeddings_of(models: Path, threads: int, max_tokens: int) -> OnnxMiniLM:
    return OnnxMiniLM(
        models / "all-minilm-l6-v2-int8.onnx",
        models / "all-minilm-l6-v2-tokenizer.json",
        threads=threads,
        cached_texts=0,
        max_tokens=max_tokens,
    )


def quality(index: KnowledgeIndex, rows: list[dict[str, str]], foreign: list[str]) -> None:
    found = [index.search(row["input"], K) for row in rows]
    by_cosine = [sorted(hits, key=lambda hit: -hit["cosine"]) for hits in found]
    print("recall @1/3/4/5/10   ", *(f"{recall(found, rows, k):.3f}" for k in (1, 3, 4, 5, 10)))
    print(
        "  right page         ", *(f"{page_recall(found, rows, k):.3f}" for k in (1, 3, 4, 5, 10))
    )
    print("  reranked by cosine ", *(f"{recall(by_cosine, rows, k):.3f}" for k in (1, 3, 4, 5, 10)))
    if not foreign:
        print("skipped: answerable or not (no --foreign)")
        return
    known = [top_cosine(hits) for hits in found]
    unknown = [top_cosine(index.search(text, K)) for text in foreign]
    print(f"answerable by top cosine: AUROC {auroc(known, unknown):.3f}")
    for keep in (0.98, 0.95, 0.9):
        least = float(np.quantile(known, 1 - keep))
        accepted = statistics.mean(score >= least for score in unknown)
        print(f"  min_score {least:.3f} keeps {keep:.0%}, accepts {accepted:.1%} of the foreign")


def page_recall(found: Sequence[Sequence[Hit]], rows: Sequence[dict[str, str]], k: int) -> float:
    pairs = zip(found, rows, strict=True)
    return statistics.mean(
        any(hit["chunk"]["source"] == row["source"] for hit in hits[:k]) for hits, row in pairs
    )


def top_cosine(hits: Sequence[Hit]) -> float:
    return max(hit["cosine"] for hit in hits[:4])


def speed(index_dir: Path, folder: Path, models: Path, questions: list[str], length: int) -> None:
    words = " ".join(path.read_text("utf-8") for path in sorted(folder.rglob("*.md"))[:5]).split()
    for threads in (1, 2):
        embeddings = embeddings_of(models, threads, length)
        start = time.perf_counter()
        embeddings.embed_query("load")
        print(f"{threads} thread(s): session loaded in {time.perf_counter() - start:.2f} s")
        for count in (12, 50, 200):
            texts = [" ".join(words[i : i + count]) for i in range(0, 21 * count, count)]
            print(f"  {count} words: {median_ms(embeddings.embed_query, texts):.1f} ms")
    start = time.perf_counter()
    index = KnowledgeIndex.open(index_dir, embeddings_of(models, 1, length))
    print(f"index of {index.size} chunks opened in {time.perf_counter() - start:.2f} s")
    index.search("load", 4)
    print(f"search p50 {median_ms(lambda text: index.search(text, 4), questions):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--foreign", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--chunk-words", type=int, default=120)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    if not (args.folder.is_dir() and args.questions.is_file()):
        sys.exit(f"skipped: {args.folder} or {args.questions} is not there")
    rows = read_rows(args.questions)
    foreign = [row["input"] for row in read_rows(args.foreign, 200)] if args.foreign else []
    embeddings = embeddings_of(args.models, args.threads, args.max_tokens)
    with tempfile.TemporaryDirectory() as scratch:
        folder, index_dir = Path(scratch, "pages"), Path(scratch, "index")
        shutil.copytree(args.folder, folder)

        def build() -> BuildReport:
            return build_index(
                folder, index_dir, embeddings, Limits(), chunk_words=args.chunk_words
            )

        cold = build()
        print(f"built {cold.pages} pages, {cold.chunks} chunks in {cold.seconds:.1f} s")
        touched = folder / rows[0]["source"]
        touched.write_text(touched.read_text("utf-8") + "\nOne more line.\n", "utf-8")
        print(f"one file changed: {build().seconds:.2f} s; none changed: {build().seconds:.2f} s")
        quality(KnowledgeIndex.open(index_dir, embeddings), rows, foreign)
        if args.speed:
            questions = [row["input"] for row in rows]
            speed(index_dir, folder, args.models, questions, args.max_tokens)


if __name__ == "__main__":
    main()

"""BM25 over the chunks' words, lightly stemmed; Robertson and Zaragoza 2009, Lucene's variant."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORD: Final = re.compile(r"\w+")
_CJK: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def terms(text: str) -> list[str]:
    """Words without case and plural s; those of scripts without spaces by character.

    Stop words stay in: "how do I" finds headings that are questions (recall @1 on the handbook
    .84 against .77 without them), and rare words outweigh them anyway.
    """
    words: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if _CJK.search(word):
            words += word
        else:
            words.append(_singular(word))
    return words


def _singular(word: str) -> str:
    """Harman's S-stemmer (1991): plural to singular, nothing more."""
    if len(word) > 4 and word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and word[-2] not in "us":
        return word[:-1]
    return word


class Lexicon:
    """BM25 scores of a fixed list of texts. Reading it is thread-safe."""

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s  # type: ignore[import-untyped]

        # On import it sets its logger to DEBUG, past whatever level the application chose.
        logging.getLogger("bm25s").setLevel(logging.WARNING)
        self._size = len(texts)
        self._model: Any = bm25s.BM25(method="lucene")
        tokens = [terms(text) for text in texts]
        self._known = frozenset(term for line in tokens for term in line)
        if self._known:
            self._model.index(tokens, show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """The BM25 score of each text for `query`, in the texts' order; 0: no word in common."""
        import numpy as np

        known = [term for term in terms(query) if term in self._known]
        if not known:
            return np.zeros(self._size, dtype=np.float32)
        found: NDArray[np.float32] = self._model.get_scores(known)
        return found

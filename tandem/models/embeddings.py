"""Text to vectors: all-MiniLM-L6-v2 in onnxruntime, behind LangChain's Embeddings interface.

Model: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), quantised to int8: 384 dimensions, mean
pooling over the tokens, unit length (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2).
"""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langchain_core.embeddings import Embeddings

from tandem.errors import ModelFileError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tandem.settings import Settings

log = logging.getLogger(__name__)

MAX_TOKENS: Final = 256
"""The length that the model was trained for; the tokenizer's file would cut at 128."""


class _Loaded(NamedTuple):
    session: Any
    tokenizer: Any


class VectorCache:
    """The last `size` vectors by the hash of their text; no text is kept. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._vectors: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str) -> NDArray[np.float32] | None:
        """The vector of `text`, or None."""
        key = self._key(text)
        with self._lock:
            if key in self._vectors:
                self._vectors.move_to_end(key)
            return self._vectors.get(key)

    def put(self, text: str, vector: NDArray[np.float32]) -> None:
        """Keep `vector`; the one unused for longest makes room."""
        with self._lock:
            self._vectors[self._key(text)] = vector
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)

    @staticmethod
    def _key(text: str) -> bytes:
        return sha256(text.encode("utf-8", "surrogatepass")).digest()


class OnnxMiniLM(Embeddings):
    """all-MiniLM-L6-v2 without torch. Nothing is loaded before the first text; thread-safe.

    Texts go through the model one by one: on a CPU that is faster than padded batches (measured:
    24 texts of 200 tokens take 1.22 s, in batches of eight 1.88 s), and it makes a text's vector
    independent of its neighbours.

    Parameters
    ----------
    model_path, tokenizer_path: the ONNX file and its tokenizer.json.
    threads: how many threads one text may use.
    cached_texts: how many vectors to keep.
    max_tokens: what is longer is cut, special tokens included.
    """

    def __init__(
        self,
        model_path: Path,
        tokenizer_path: Path,
        threads: int = 1,
        cached_texts: int = 1024,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self._model_path = model_path
        self._tokenizer_path = tokenizer_path
        self._threads = threads
        self._max_tokens = max_tokens
        self._cache = VectorCache(cached_texts)
        self._loaded: _Loaded | None = None
        self._loading = Lock()

    @property
    def fingerprint(self) -> str:
        """Names what vectors depend on; vectors of different fingerprints do not compare."""
        return f"onnx:{self._model_path.name}:{self._max_tokens}"

    def embed_query(self, text: str) -> list[float]:
        """Unit vector of `text`, 384 numbers.

        Raises
        ------
        ModelFileError: a file is missing or damaged.
        """
        vector: list[float] = self._vector(text).tolist()
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors of `texts`, in their order, a text a core. Raises as `embed_query`."""
        with ThreadPoolExecutor(min(len(texts), os.cpu_count() or 1) or 1) as pool:
            return list(pool.map(self.embed_query, texts))

    def _vector(self, text: str) -> NDArray[np.float32]:
        found = self._cache.get(text)
        if found is None:
            found = self._run(self._load(), text)
            self._cache.put(text, found)
        return found

    @staticmethod
    def _run(loaded: _Loaded, text: str) -> NDArray[np.float32]:
        import numpy as np

        # A lone surrogate is no character: the tokenizer would refuse the whole text.
        clean = text.encode("utf-8", "replace").decode("utf-8")
        encoding = loaded.tokenizer.encode(clean)
        ids = np.array([encoding.ids], dtype=np.int64)
        mask = np.array([encoding.attention_mask], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = loaded.session.run(["last_hidden_state"], feed)
        weights = mask[0][:, None].astype(np.float32)
        mean: NDArray[np.float32] = (hidden[0] * weights).sum(axis=0) / weights.sum()
        return (mean / np.linalg.norm(mean)).astype(np.float32)

    def _load(self) -> _Loaded:
        with self._loading:
            if self._loaded is None:
                self._loaded = _Loaded(self._open_session(), self._open_tokenizer())
            return self._loaded

    def _open_session(self) -> Any:
        import onnxruntime  # type: ignore[import-untyped]

        _require_file(self._model_path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait would take the core of a model server.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(
                str(self._model_path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise _damaged(self._model_path) from error

    def _open_tokenizer(self) -> Any:
        import tokenizers

        _require_file(self._tokenizer_path)
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(self._tokenizer_path))
        except Exception as error:  # tokenizers raises plain Exception
            raise _damaged(self._tokenizer_path) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._max_tokens)
        return tokenizer


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise ModelFileError(
            f"The embedding model's file {path} does not exist.",
            "Run `tandem models pull` to fetch it.",
        )


def _damaged(path: Path) -> ModelFileError:
    return ModelFileError(
        f"The embedding model's file {path} is damaged or cut short.",
        "Run `tandem models verify` and then `tandem models pull` to fetch it again.",
    )


def fingerprint_of(embeddings: Embeddings) -> str:
    """What an index's vectors depend on: the class's own word, or its name and model."""
    own = getattr(embeddings, "fingerprint", "")
    if own:
        return str(own)
    model = getattr(embeddings, "model_name", "") or getattr(embeddings, "model", "")
    return f"{type(embeddings).__name__}:{model}"


def build_embeddings(settings: Settings, resolve: Callable[[str], Path]) -> Embeddings:
    """The embeddings that the settings name; nothing is loaded yet on the ONNX backend.

    Parameters
    ----------
    resolve: catalogue name to verified local file (fetches it where it is missing).

    Raises
    ------
    ModelFileError: a file cannot be had.
    SettingsError: the backend needs a package that is not installed.
    """
    chosen = settings.embeddings
    if chosen.backend == "huggingface":
        return _huggingface(chosen.model)
    return OnnxMiniLM(
        resolve(chosen.model),
        resolve(f"{chosen.model}-tokenizer"),
        threads=chosen.threads,
        cached_texts=chosen.cached_texts,
    )


def _huggingface(model: str) -> Embeddings:
    import importlib.util

    if importlib.util.find_spec("sentence_transformers") is None:
        raise SettingsError(
            'embeddings.backend = "huggingface" needs the package sentence-transformers, '
            "which is not installed.",
            "Install it with `pip install -e '.[hf]'` in a checkout, or set "
            'embeddings.backend = "onnx".',
        )
    from langchain_huggingface import HuggingFaceEmbeddings

    return HuggingFaceEmbeddings(model_name=model, encode_kwargs={"normalize_embeddings": True})


def embed_all(
    embeddings: Embeddings,
    texts: Sequence[str],
    progress: Callable[[int], None] | None = None,
    batch: int = 32,
) -> NDArray[np.float32]:
    """Unit vectors of `texts` as a matrix, shape (texts, dimensions).

    `progress` gets the number of texts done, after each batch.
    """
    import numpy as np

    rows: list[list[float]] = []
    for start in range(0, len(texts), batch):
        rows += embeddings.embed_documents(list(texts[start : start + batch]))
        if progress:
            progress(len(rows))
    return unit(np.array(rows, dtype=np.float32))


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """`vectors` (one a row) scaled to length 1; a zero vector stays zero."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled

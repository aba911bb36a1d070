"""What a process holds is made once, whoever asks for it first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tandem.services import Services
from tandem.settings import Settings


@pytest.mark.parametrize("part", ["pool", "ledger"])
def test_threads_share_one(tmp_path: Path, part: str) -> None:
    services, ready = Services(Settings(home=tmp_path)), threading.Barrier(8)

    def get(_: int) -> int:
        ready.wait(5)
        return id(getattr(services, part))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(get, range(8)))) == 1
    services.close()

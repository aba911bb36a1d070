from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tandem.errors import SettingsError
from tandem.settings import Model, Settings, TaskSettings, Tenant, load

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "tandem.toml").read_text(encoding="utf-8")
DEFAULT_LINE = re.compile(r"^#(?=[\[a-z])", re.MULTILINE)
EXAMPLE_LINE = re.compile(r"^# {4}(?=[\[a-z])", re.MULTILINE)


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "tandem.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, text))
    assert caught.value.remedy
    return caught.value.what


def key_paths(model: type[BaseModel]) -> set[str]:
    """Every key of a section and its sub-sections, dotted."""
    paths = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            paths |= {f"{name}.{below}" for below in key_paths(kind)}
        else:
            paths.add(name)
    return paths


def leaves(data: dict[str, Any], prefix: str = "") -> set[str]:
    paths = set()
    for key, value in data.items():
        # An empty table is one whose names are the user's.
        inner = isinstance(value, dict) and value
        paths |= leaves(value, f"{prefix}{key}.") if inner else {prefix + key}
    return paths


def test_nothing_is_set_in_the_committed_file() -> None:
    assert tomllib.loads(TEMPLATE) == {}


def test_uncommenting_everything_gives_the_defaults(tmp_path: Path) -> None:
    settings = load(written(tmp_path, DEFAULT_LINE.sub("", TEMPLATE)))

    assert settings.model_dump(exclude={"home"}) == Settings().model_dump(exclude={"home"})


def test_the_examples_are_valid_too(tmp_path: Path) -> None:
    settings = load(written(tmp_path, EXAMPLE_LINE.sub("", TEMPLATE)))

    assert settings.chain("llm", "extraction") == ("gpt", "llm-embedded")


def test_every_setting_stands_in_the_committed_file() -> None:
    defaults = tomllib.loads(DEFAULT_LINE.sub("", TEMPLATE))
    examples = tomllib.loads(EXAMPLE_LINE.sub("", TEMPLATE))

    assert leaves(defaults["models"]["slm-embedded"]) == key_paths(Model)
    assert leaves(examples["tasks"]["extraction"]) == key_paths(TaskSettings)
    assert leaves(examples["tenants"]["acme"]) == key_paths(Tenant)
    assert key_paths(Settings) - {"home", "models", "tasks", "tenants"} == {
        path for path in leaves(defaults) if not path.startswith("models.")
    }


def test_every_setting_is_explained_where_it_first_stands() -> None:
    explained: dict[str, bool] = {}
    for line in TEMPLATE.splitlines():
        if key := re.match(r"# {0,4}(\w+) +=", line):
            explained.setdefault(key[1], "  # " in line)

    assert explained.pop("price") is False, "each key of a price is explained by itself"
    assert [key for key, is_explained in explained.items() if not is_explained] == []


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            "[limits]\nretrys = 3\n",
            2,
            "limits.retrys: unknown key; known keys: text_chars, documents",
        ),
        ("\n\n[limits]\nretries = 'many'\n", 4, "limits.retries: Input should be a valid integer"),
        ("[limits]\nretries = 11\n", 2, "less than or equal to 10"),
        ("[limits]\nconnect_s = inf\n", 2, "finite number"),
        ("[limits]\nmax_deadline_ms = 2147483648\n", 2, "less than or equal to 2147483647"),
        ("[limits]\ndeadline_s = 86401\n", 2, "limits.max_deadline_ms allows (86,400,000)"),
        ("[policy.deadlines]\nasync_s = inf\n", 2, "limits.max_deadline_ms allows"),
        ("[ledger]\ntexts = 'some'\n", 2, "'none', 'sampled' or 'all'"),
        ("[embeddings]\nbackend = 'torch'\n", 2, "'onnx' or 'huggingface'"),
        ("[tiers.slm]\nmodel = 'fi'\n", 2, "known models: llm-embedded, slm-embedded"),
        ("[tasks.faq]\nllm = 'gpt'\n", 2, "known models: llm-embedded, slm-embedded"),
        ("[models.own]\npath = 'a.gguf'\npiority = 1\n", 3, "known keys: backend, model, path"),
        ("limit = 3\n", 1, "known keys: cache, models, tiers"),
        ("[models.own]\nbackend = 'embedded'\n", 1, "`model` (a catalogue name) or `path`"),
        (
            "[tiers.slm]\nmodel = 'slm-embedded'\nstand_ins = ['llm-embedded']\n",
            3,
            "privacy.stand_ins_may_be_less_private",
        ),
        (
            "[tiers.slm]\nmodel = 'llm-embedded'\n[tasks.faq]\nslm = 'slm-embedded'\n",
            4,
            "'llm-embedded' is not private, but 'slm-embedded', for which it stands in, is",
        ),
    ],
)
def test_a_bad_value_is_refused_with_its_line_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    what = refusal(tmp_path, text)

    assert said in what
    assert f"tandem.toml:{line}: " in what


def test_text_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    assert "line 2" in refusal(tmp_path, "[limits]\nretries =\n")


def test_bytes_that_are_no_utf8_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tandem.toml"
    file.write_bytes(b"currency = '\xff'\n")

    with pytest.raises(SettingsError, match="cannot be read"):
        load(file)


def test_a_missing_file_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "no.toml"

    with pytest.raises(SettingsError, match=r"no\.toml does not exist"):
        load(missing)
    monkeypatch.setenv("TANDEM_SETTINGS", str(missing))
    with pytest.raises(SettingsError, match=r"no\.toml does not exist"):
        load()


def test_a_directory_is_told_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a directory, and no settings file") as caught:
        load(tmp_path)
    assert str(tmp_path / "tandem.toml") in caught.value.remedy


def test_without_any_file_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load() == Settings()


def test_a_less_private_stand_in_is_allowed_by_a_policy_that_says_so(tmp_path: Path) -> None:
    settings = load(
        written(
            tmp_path,
            "[tiers.slm]\nmodel = 'slm-embedded'\nstand_ins = ['llm-embedded']\n"
            "[privacy]\nstand_ins_may_be_less_private = true\n",
        )
    )

    assert settings.chain("slm") == ("slm-embedded", "llm-embedded")


def test_relative_paths_start_from_the_settings_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "[knowledge]\nfolder = 'pages'\n"))

    assert settings.path(settings.knowledge.folder) == tmp_path / "pages"
    assert settings.ledger_url == f"sqlite:///{tmp_path}/.tandem/ledger.sqlite"


def test_settings_survive_json() -> None:
    settings = Settings()
    assert Settings.model_validate_json(settings.model_dump_json()) == settings

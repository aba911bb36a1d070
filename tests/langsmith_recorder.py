"""A LangSmith that runs on loopback: it answers as the API does, keeps what it got, and can fail.

    with recorder() as langsmith:
        client = Client(api_url=langsmith.url, api_key="any")
        ...
        assert langsmith.holding("planted text") == []

Bodies are unpacked (gzip, zstd, multipart), so that a text is found wherever a request held it. Ids
are unique as on the service: a dataset, experiment, example, run or feedback that comes twice is
answered by 409 (a multipart request by 202, as ingestion is).
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import zstandard

TENANT = str(uuid.UUID(int=7))
INFO = {
    "version": "0.13.0",
    "instance_flags": {"zstd_compression_enabled": False},
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 20_000_000,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
    },
}
Reply = tuple[int, Any]


@dataclass(frozen=True)
class Seen:
    """A request as it came, its body unpacked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    parts: Mapping[str, bytes]
    """Of a multipart body; else the whole body under the empty name."""

    @property
    def json(self) -> Any:
        return json.loads(self.parts[""])


@dataclass(frozen=True)
class Fault:
    """An answer in place of the right one, to requests whose "METHOD PATH" matches."""

    matches: str
    status: int = 500
    times: int = 1
    skip: int = 0
    """So many matching requests are answered well before."""
    headers: tuple[tuple[str, str], ...] = ()
    hang: bool = False
    """No answer at all, until the recorder ends."""
    after: bool = False
    """The request is carried out first: what the client sees as failed has arrived."""


@dataclass
class Langsmith:
    """What the recorder holds. Objects go by their ids."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    feedback: dict[str, dict[str, Any]] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    """Ids of runs and feedback that came again."""
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _counts: dict[Fault, int] = field(default_factory=dict)

    def holding(self, *texts: str) -> list[str]:
        """Where any of `texts` stood in what came: "METHOD PATH part: text"."""
        found = []
        for one in self.seen:
            everywhere = {
                "url": (one.path + "?" + json.dumps(dict(one.query))).encode(),
                "headers": json.dumps(dict(one.headers)).encode(),
                **one.parts,
            }
            for name, content in everywhere.items():
                plain = _unescaped(content)
                found += [f"{one.method} {one.path} {name}: {t}" for t in texts if t in plain]
        return found

    def requests(self, matches: str) -> list[Seen]:
        """The requests whose "METHOD PATH" matches."""
        return [one for one in self.seen if re.search(matches, f"{one.method} {one.path}")]

    def fault_of(self, line: str) -> Fault | None:
        for fault in self.faults:
            if re.search(fault.matches, line):
                self._counts[fault] = count = self._counts.get(fault, 0) + 1
                if fault.skip < count <= fault.skip + fault.times:
                    return fault
        return None

    def answer(self, seen: Seen) -> Reply:
        """Carry the request out."""
        for pattern, work in _ROUTES:
            if found := re.fullmatch(pattern, f"{seen.method} {seen.path}"):
                return work(self, seen, *found.groups())
        return 404, {"detail": "no such endpoint"}


def _unescaped(content: bytes) -> str:
    text = content.decode(errors="replace")
    try:
        return text + json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _add(kept: dict[str, dict[str, Any]], made: dict[str, Any], same: str = "id") -> Reply:
    if made["id"] in kept or any(made[same] == other[same] for other in kept.values()):
        return 409, {"detail": "already exists"}
    kept[made["id"]] = made
    return 200, made


def _named(kept: dict[str, dict[str, Any]], seen: Seen) -> Reply:
    name = seen.query.get("name")
    rows = [one for one in kept.values() if name is None or one["name"] == name]
    start = int(seen.query.get("offset", 0))
    return 200, rows[start : start + int(seen.query.get("limit", 100))]


def _info(langsmith: Langsmith, seen: Seen) -> Reply:
    return 200, INFO


def _datasets(langsmith: Langsmith, seen: Seen) -> Reply:
    return _named(langsmith.datasets, seen)


def _new_dataset(langsmith: Langsmith, seen: Seen) -> Reply:
    made = {"id": str(uuid.uuid4()), "created_at": _now(), **seen.json}
    return _add(langsmith.datasets, made, "name")


def _examples(langsmith: Langsmith, seen: Seen) -> Reply:
    wanted = seen.query.get("dataset")
    rows = [one for one in langsmith.examples.values() if one["dataset_id"] == wanted]
    start = int(seen.query.get("offset", 0))
    return 200, rows[start : start + int(seen.query.get("limit", 100))]


def _example(langsmith: Langsmith, seen: Seen, example: str) -> Reply:
    found = langsmith.examples.get(example)
    return (200, found) if found else (404, {"detail": "not found"})


def _stored(row: Mapping[str, Any]) -> dict[str, Any]:
    made = {"id": str(uuid.uuid4()), "created_at": _now(), "modified_at": _now(), **row}
    return {"metadata": {}, **made}


def _new_example(langsmith: Langsmith, seen: Seen) -> Reply:
    return _add(langsmith.examples, _stored(seen.json))


def _new_examples(langsmith: Langsmith, seen: Seen) -> Reply:
    rows = [_stored(row) for row in seen.json]
    if any(row["id"] in langsmith.examples for row in rows):
        return 409, {"detail": "already exists"}
    langsmith.examples.update({row["id"]: row for row in rows})
    return 200, rows


def _changed_example(langsmith: Langsmith, seen: Seen, example: str) -> Reply:
    langsmith.examples[example] |= seen.json
    return 200, langsmith.examples[example]


def _experiments(langsmith: Langsmith, seen: Seen) -> Reply:
    return _named(langsmith.experiments, seen)


def _new_experiment(langsmith: Langsmith, seen: Seen) -> Reply:
    made = {"id": str(uuid.uuid4()), "tenant_id": TENANT, "start_time": _now(), **seen.json}
    return _add(langsmith.experiments, made, "name")


def _experiment(langsmith: Langsmith, seen: Seen, experiment: str) -> Reply:
    found = langsmith.experiments.get(experiment)
    return (200, found) if found else (404, {"detail": "not found"})


def _changed_experiment(langsmith: Langsmith, seen: Seen, experiment: str) -> Reply:
    changes = {name: value for name, value in seen.json.items() if value is not None}
    langsmith.experiments[experiment] |= changes
    return 200, langsmith.experiments[experiment]


def _ingest(langsmith: Langsmith, seen: Seen) -> Reply:
    for name, content in seen.parts.items():
        kind, _, rest = name.partition(".")
        number, _, part = rest.partition(".")
        value = json.loads(content) if content else None
        if kind == "feedback":
            _keep(langsmith, langsmith.feedback, value["id"], value)
        elif part:
            langsmith.runs.setdefault(number, {})[part] = value
        elif kind == "post":
            _keep(langsmith, langsmith.runs, number, value)
        else:
            langsmith.runs.setdefault(number, {}).update(value)
    return 202, {}


def _keep(
    langsmith: Langsmith, kept: dict[str, dict[str, Any]], number: str, value: dict[str, Any]
) -> None:
    if number in kept:
        langsmith.twice.append(number)
    kept.setdefault(number, {}).update(value)


def _new_feedback(langsmith: Langsmith, seen: Seen) -> Reply:
    return _add(langsmith.feedback, dict(seen.json))


def _changed_feedback(langsmith: Langsmith, seen: Seen, number: str) -> Reply:
    langsmith.feedback[number] |= seen.json
    return 200, langsmith.feedback[number]


_ROUTES: list[tuple[str, Any]] = [
    ("GET /info", _info),
    ("GET /datasets", _datasets),
    ("POST /datasets", _new_dataset),
    ("GET /examples", _examples),
    ("POST /examples", _new_example),
    ("POST /examples/bulk", _new_examples),
    ("GET /examples/([^/]+)", _example),
    ("PATCH /examples/([^/]+)", _changed_example),
    ("GET /sessions", _experiments),
    ("POST /sessions", _new_experiment),
    ("GET /sessions/([^/]+)", _experiment),
    ("PATCH /sessions/([^/]+)", _changed_experiment),
    ("POST /runs/multipart", _ingest),
    ("POST /feedback", _new_feedback),
    ("PATCH /feedback/([^/]+)", _changed_feedback),
]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    langsmith: Langsmith

    def _do(self) -> None:
        split = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        parts = _parts(self._body(), self.headers.get("Content-Type", ""))
        seen = Seen(self.command, split.path, query, dict(self.headers), parts)
        with self.langsmith.lock:
            self.langsmith.seen.append(seen)
            fault = self.langsmith.fault_of(f"{seen.method} {seen.path}")
            if fault is None or fault.after:
                status, said = self.langsmith.answer(seen)
        if fault is not None:
            status, said = fault.status, {"detail": "as the test asked"}
            if fault.hang:
                self.langsmith.ended.wait(30)
                self.close_connection = True
                return
        try:
            self._send(status, said, fault.headers if fault else ())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do  # noqa: N815

    def _send(self, status: int, said: Any, headers: tuple[tuple[str, str], ...]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        for name, value in (*headers, ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        encoding = self.headers.get("Content-Encoding")
        if encoding == "gzip":
            return gzip.decompress(body)
        if encoding == "zstd":
            return zstandard.ZstdDecompressor().stream_reader(body).read()
        return body

    def log_message(self, *_: Any) -> None:
        pass


def _parts(body: bytes, content_type: str) -> dict[str, bytes]:
    found = re.search(r'boundary="?([^";]+)', content_type)
    if not found:
        return {"": body}
    parts = {}
    for piece in body.split(b"--" + found[1].encode())[1:-1]:
        head, _, content = piece.strip(b"\r\n").partition(b"\r\n\r\n")
        named = re.search(rb'name="([^"]+)"', head)
        parts[named[1].decode() if named else ""] = content
    return parts


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is what some tests are about."""


@contextmanager
def recorder(*faults: Fault) -> Iterator[Langsmith]:
    """A LangSmith on loopback."""
    langsmith = Langsmith(faults=list(faults))
    handler = type("BoundHandler", (_Handler,), {"langsmith": langsmith})
    server = _Server(("127.0.0.1", 0), handler)
    langsmith.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield langsmith
    finally:
        langsmith.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def wait_for(condition: Any, seconds: float = 5.0) -> None:
    """Until `condition()` holds: clients send in the background."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "LangSmith did not get it in time"
        time.sleep(0.01)

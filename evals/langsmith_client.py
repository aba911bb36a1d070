"""The connection to LangSmith: key and address from the environment, bounded patience, errors that
say what to do.

LangSmith's own client sends runs in the background and drops what fails with a line in the log. An
upload that must arrive once and whole therefore sends in the foreground, by `Client.request_with_
retries`; the retries are urllib3's, which keep to Retry-After.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tandem.errors import UploadError

if TYPE_CHECKING:
    from langsmith import Client

KEY: Final = "LANGSMITH_API_KEY"
ENDPOINT: Final = "LANGSMITH_ENDPOINT"
HOSTED: Final = "https://api.smith.langchain.com"
AGAIN: Final = "Run the same command again: it goes on where it stopped."
_RETRIED: Final = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Patience:
    """How long a request may take.

    Parameters
    ----------
    timeout_s: seconds to connect, and between two bytes of an answer.
    retries: further tries after an error of the server, a refused connection or a rate limit.
    backoff_s: seconds before the second further try, doubled for each one after.
    longest_wait_s: a longer Retry-After is cut to this.
    """

    timeout_s: float = 30.0
    retries: int = 4
    backoff_s: float = 0.5
    longest_wait_s: int = 60


def connect(patience: Patience | None = None) -> Client:
    """A client for uploads: no background threads, no traces of its own.

    Raises
    ------
    UploadError: the environment holds no key.
    """
    from langsmith import Client

    patience = patience or Patience()
    key = os.environ.get(KEY)
    if not key:
        raise UploadError(
            f"There is no key for LangSmith: {KEY} is not set. Nothing was uploaded; results are "
            "kept.",
            f"Set {KEY} (and {ENDPOINT}, where the service is not {HOSTED}), then run the same "
            "command again.",
        )
    url = os.environ.get(ENDPOINT) or HOSTED
    milliseconds = round(patience.timeout_s * 1000)
    common: dict[str, Any] = {
        "api_url": url,
        "api_key": key,
        "info": {},
        "auto_batch_tracing": False,
        "timeout_ms": (milliseconds, milliseconds),
    }
    return Client(**common, retry_config=_retries(Client(**common), patience))


def _retries(client: Client, patience: Patience) -> Any:
    """LangSmith's own policy of retries, within `patience`."""
    return client.retry_config.new(
        total=patience.retries,
        # A request that hangs costs a whole time-out each time.
        read=min(1, patience.retries),
        allowed_methods=None,
        status_forcelist=_RETRIED,
        backoff_factor=patience.backoff_s,
        retry_after_max=patience.longest_wait_s,
        raise_on_status=False,
    )


@contextmanager
def explained() -> Iterator[None]:
    """Errors of the client, as an UploadError without any text of the service (which may quote the
    rows)."""
    from langsmith.utils import LangSmithError

    try:
        yield
    # requests.RequestException, which the client lets through here and there, is an OSError; what
    # is no JSON, or other than the API's, is a ValueError.
    except (LangSmithError, OSError, ValueError) as error:
        raise _explained(error) from None


def sent(client: Client, method: Any, path: str, **body: Any) -> bool:
    """Send a request; False where the service already has what it brings. Raises as LangSmith's
    client does."""
    from langsmith.utils import LangSmithConflictError

    try:
        client.request_with_retries(method, path, request_kwargs=body)
    except LangSmithConflictError:
        return False
    return True


def json_body(value: Any) -> dict[str, Any]:
    """`value` as the body of a request."""
    return {"data": json.dumps(value).encode(), "headers": {"Content-Type": "application/json"}}


def multipart_body(parts: Mapping[str, Any]) -> dict[str, Any]:
    """JSON parts by name, as the ingestion of runs takes them."""
    packed = {name: json.dumps(value).encode() for name, value in parts.items()}
    files = [
        (name, (None, value, "application/json", {"Content-Length": str(len(value))}))
        for name, value in packed.items()
    ]
    return {"files": files}


def _explained(error: Exception) -> UploadError:
    from langsmith.utils import LangSmithConnectionError

    status = status_of(error)
    if status == 401:
        what, remedy = "does not know the key (401)", f"Set {KEY} to a valid key."
    elif status == 403:
        what = "refuses the key this workspace (403)"
        remedy = "Use a key that may write, or set LANGSMITH_WORKSPACE_ID."
    elif status == 404:
        what = "has no such endpoint (404)"
        remedy = f"Correct {ENDPOINT}: it names another service, or a path too much."
    elif status == 413:
        what, remedy = "takes no rows of this size (413)", "Upload fewer rows with --n."
    elif status == 429:
        what = "asks to send less (429), also after waiting"
        remedy = "Wait some minutes, or see the limits of your plan."
    elif status >= 500:
        what, remedy = f"failed ({status}), also when asked again", "Try again later."
    elif status:
        what, remedy = f"refused the upload ({status})", "Update langsmith, then try again."
    elif isinstance(error, LangSmithConnectionError | OSError):
        what = "does not answer"
        remedy = f"Look at the connection and at {ENDPOINT}."
    else:
        what = f"answered with what is not its API ({type(error).__name__})"
        remedy = f"Correct {ENDPOINT}."
    return UploadError(
        f"LangSmith {what}. Results are kept, and what was uploaded counts once.",
        f"{remedy} {AGAIN}",
    )


def status_of(error: BaseException | None) -> int:
    """The HTTP status that an error of LangSmith's client came from; 0 where there was none."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return int(response.status_code)
        error = error.__cause__ or error.__context__
    return 0

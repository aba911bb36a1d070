"""`tandem eval --upload`: what was evaluated goes to LangSmith, masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from tandem.services import Services
from tandem.settings import Settings

if TYPE_CHECKING:
    from langsmith import Client

    from tandem.evals.evaluation import Evaluation
    from tandem.evals.loading import Loaded


def upload(
    client: Client,
    evaluation: Evaluation,
    loaded: Loaded,
    settings: Settings,
    console: Console,
) -> None:
    """Upload what LangSmith does not have yet, and tell what came of it.

    Raises
    ------
    UploadError: LangSmith refuses or does not answer.
    """
    from tandem.evals.upload import Uploader
    from tandem.evals.uploaded import told

    uploader = Uploader(client, evaluation, loaded, Services(settings).guard)
    with console.status("uploading"):
        uploaded = uploader.upload()
    for line in told(uploaded):
        console.print(line, soft_wrap=True)

"""What each worker process of this machine does first. Imported where Dask is needed anyway: the import takes half a second."""

from __future__ import annotations

from distributed import Worker, WorkerPlugin

from ...models import children
from .local import quiet


class EndsWithParent(WorkerPlugin):
    """No word on the terminal, and an end together with the process that started the worker."""

    name = "stapes"

    def setup(self, worker: Worker) -> None:
        quiet()
        children.end_with_parent()

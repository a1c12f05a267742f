"""The command `stapes`. A file a command holds its options and help; what it does stands in `tools.commands`.

app       the commands together, and how faults are told
loading   what a user sees meanwhile

Help is asked for often and must come at once: nothing here imports torch, numpy or onnx. A command imports its work when it
is called.
"""

from __future__ import annotations

from ...models import stopping


def main() -> None:
    """What `stapes` calls."""
    stopping.install()
    # Only now: what comes next takes its time, and a signal may come meanwhile.
    from ...models import scratch

    scratch.gather()
    from .app import run

    run()

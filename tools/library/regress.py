"""Do all engines agree in every bit, with what was locked, and does the quality hold?"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...models.errors import StapesError
from ..audio_files import demo_recordings
from ..bundle import Bundle, opened
from ..given import given, given_paths
from ..network_regression import refuse_sound, run_network_regression
from ..regression import Report
from ..sound_regression import run_regression
from ..work import Crew


def regress(
    bundle: Bundle | str | os.PathLike[str],
    audio: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    *,
    engine: str | Sequence[str] = (),
    update: bool = False,
    lock: bool = True,
    workers: int = 1,
    scheduler: str | None = None,
) -> Report:
    """Run all integer engines over recordings and compare them bit by bit, with each other and with what was locked.

    bundle   a `Bundle`, or its folder
    audio    sound files (wav, flac, ogg, mp3, aiff), or folders of them; default: the demo recordings. For a network without an
             audio path .npz files of frames; default: its golden vectors
    engine   those to hold against numpy, over all of the audio; default: all that run here, `cortex-m7` over the first second
    update   lock the outputs in the bundle; what is locked of other recordings stays
    lock     hold the outputs to the lock, where there is one; False compares the engines alone

    workers  processes on this machine that share the recordings, 0 for one for each core; the report is the same but for the times
    scheduler  the workers of this scheduler of Dask instead, `tcp://HOST:PORT`

    The report's `passed` is False at the first disagreement, changed output, recording that a lock does not hold, or missed threshold; `to_json` is what
    `stapes regress --json` prints behind its schema. Raises StapesError: no bundle, audio that cannot be read, an engine that cannot be held to the
    bit or is not here, outputs to be locked while engines disagree.

    >>> report = regress(bundle, recording, engine="native")
    >>> report.passed, report.engines["native"].bits
    (True, 'equal')
    """
    of, files = opened(bundle), given_paths(audio)
    given(update, bool, "a choice, update")
    given(lock, bool, "a choice, lock")
    names = [engine] if isinstance(engine, str) else list(engine)
    if update and not lock:
        raise StapesError("--update and --no-lock are opposites: give one of them")
    crew = Crew(workers, scheduler)
    if of.sound_path is None:
        refuse_sound(files)
        if scheduler is not None:
            raise StapesError(
                "--scheduler: this bundle is a network without an audio path, which runs in this process alone; leave it out"
            )
        return run_network_regression(of, files, names, update, lock)
    with crew:
        return run_regression(of, files or demo_recordings(), names, update, lock, crew)

"""Work given to a crew gives the same results with any number of workers, and a lost worker costs its pieces only."""

import json
import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stapes.models.errors import StapesError
from stapes.tools import checkup
from stapes.tools.audio import DEMO
from stapes.tools.work import Crew, Lost, crew, worker


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """A scheduler and three workers in processes of their own: its address, and the processes of the workers."""
    folder = tmp_path_factory.mktemp("scheduler")
    about = folder / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    common = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    python = [sys.executable, "-m"]
    options = ["--host", "127.0.0.1", "--no-dashboard"]
    line = [*python, "distributed.cli.dask_scheduler", *options, "--port", "0", "--scheduler-file", str(about)]
    started = [subprocess.Popen(line, **common)]
    line = [*python, "distributed.cli.dask_worker", *options, "--nthreads", "1", "--no-nanny", "--scheduler-file"]
    started += [subprocess.Popen([*line, str(about)], **common) for _ in range(3)]
    for _ in range(1200):
        if about.exists() and about.read_text().endswith("}"):
            break
        time.sleep(0.05)
    yield json.loads(about.read_text())["address"], started[1:]
    for process in started:
        process.kill()
        process.wait()


def test_several_processes_give_what_one_gives():
    with Crew(1) as one:
        expected = dict(one.each(operator.mul, 3, list(range(300))))
    with Crew(2) as two:
        assert dict(two.each(operator.mul, 3, list(range(300)))) == expected
        # What a piece raises is raised here, and the crew goes on.
        with pytest.raises(TypeError):
            list(two.each(operator.mul, 3, [None, 1]))
        # A piece that ends its worker each time is lost, alone.
        made = dict(two.each(_end_this_process_for, signal.SIGKILL, [0, 0, 1, 0]))
    assert [isinstance(made[place], Lost) for place in range(4)] == [False, False, True, False]
    assert made[2].item == 1


def _end_this_process_for(number, item):
    if item:
        os.kill(os.getpid(), number)
    return item


def test_workers_of_which_one_is_killed_give_the_bytes_of_one_process(scheduler, bundle_of, tmp_path, monkeypatch):
    # Not above: workers import this module for the functions that they run, and these would take them seconds.
    from stapes.models.sound_files import read_audio, write_audio
    from stapes.tools.evaluation import pieces
    from stapes.tools.library.evaluate import evaluate
    from stapes.tools.work.rows import Rows

    monkeypatch.setattr(pieces, "PIECE", 1)
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for place in range(4):
        for kind in ("noisy", "clean"):
            audio = read_audio(DEMO / f"water_{kind}.flac")[8000 + 4000 * place :][:8000]
            write_audio(pairs / f"w{place}_{kind}.wav", audio)
    (pairs / "w2_noisy.wav").write_bytes(b"RIFF, or so it says")
    told = []
    address, workers = scheduler
    add = Rows.add

    def add_and_kill(rows, piece, made):
        add(rows, piece, made)
        workers[2].kill()

    for name, who in {"one": {"workers": 1}, "all": {"scheduler": address}}.items():
        if name == "all":
            monkeypatch.setattr(Rows, "add", add_and_kill)
        results = tmp_path / f"{name}.parquet"
        found = evaluate(bundle_of("published", "w8a16"), pairs, metrics="si_sdr", results=results, **who)
        told.append((found.to_json(), results.read_bytes()))
    assert told[0] == told[1]
    assert [failed["name"] for failed in told[0][0]["failed"]] == ["w2"]
    assert workers[2].wait() == -signal.SIGKILL


def test_a_killed_worker_of_a_scheduler_costs_nothing_but_time(scheduler):
    address, workers = scheduler
    with Crew(scheduler=address) as crew:
        pieces = crew.each(_slowly, 0.02, list(range(200)))
        found = [next(pieces)]
        workers[0].kill()
        found += pieces
    assert sorted(found) == [(place, place) for place in range(200)]
    assert workers[0].wait() == -signal.SIGKILL


def _slowly(seconds, item):
    time.sleep(seconds)
    return item


def test_a_worker_of_another_version_and_one_without_the_files_are_named(scheduler, monkeypatch, tmp_path):
    address, _ = scheduler
    with Crew(scheduler=address) as crew, pytest.raises(StapesError, match=r"worker tcp://\S+ does not see .*absent"):
        crew.connect([tmp_path / "absent"])
    (found,) = checkup.scheduler(address)
    assert (found.state, found.found) in [("ok", f"workers of this stapes: {left}") for left in (1, 2, 3)]
    ours = worker.versions()
    monkeypatch.setattr(worker, "versions", lambda: {**ours, "numpy": "1.0"})
    with Crew(scheduler=address) as crew, pytest.raises(StapesError) as told:
        list(crew.each(operator.add, 1, [1, 2]))
    assert f"has numpy {ours['numpy']}, here it is 1.0; install the same on every machine" in str(told.value)


def test_a_worker_that_comes_later_is_held_to_its_version_too():
    with pytest.raises(worker.OtherVersion, match="another version of stapes"):
        worker.run_piece(worker.Piece(operator.add, "another stamp"), 1, 2)


def test_no_scheduler_and_no_address_are_told_in_one_line(monkeypatch, stapes, bundle_of):
    monkeypatch.setattr(crew, "ANSWER_SECONDS", 0.5)
    folder = bundle_of("zoo", "w8a16").folder
    told = stapes("evaluate", folder, "--scheduler", "tcp://127.0.0.1:9").error
    assert told.startswith("--scheduler tcp://127.0.0.1:9: no scheduler answers there; start one with: dask scheduler")
    for wrong in ("127.0.0.1:9", "tcp://", "http://lab:8786", "tcp://lab:8786\n"):
        assert "give tcp://HOST:PORT" in stapes("evaluate", folder, "--scheduler", wrong).error


def test_one_worker_starts_no_process_and_loads_no_dask():
    lines = "import sys; from stapes.tools.work import Crew; print(list(Crew(1).each(pow, 2, [5])), 'distributed' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout == "[(0, 32)] False\n"

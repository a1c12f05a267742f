"""The project's own small audio, free to ship.

calibration/  short speech in noise, one utterance a file, at levels from soft to loud
demo/         NAME_clean.flac and NAME_noisy.flac
clips/        clean speech_*.flac and noise_*.flac, to be mixed by tests
make          writes the three folders and LICENCES.md from a fetched corpus
"""

from pathlib import Path

FOLDER = Path(__file__).parent
CALIBRATION, DEMO, CLIPS = FOLDER / "calibration", FOLDER / "demo", FOLDER / "clips"

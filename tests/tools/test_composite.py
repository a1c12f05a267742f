"""CSIG, CBAK and COVL: the distances are those of another program, and what they mean holds."""

import json

import numpy as np
import pytest
import soundfile
import soxr
from stapes.models.sound_files import read_audio
from stapes.tools import metrics
from stapes.tools.audio import DEMO
from stapes.tools.composite import FIGURES, FRAME, distances

# By pysepm-evo 0.1.1 (llr with used_for_composite, wss, SNRseg) on the same two recordings, in which nothing is digital silence.
REFERENCE = (1.4764856980348815, 51.324486493493815, -0.9182380294753181)


@pytest.fixture(scope="module")
def pair():
    return tuple(read_audio(DEMO / f"machine_{side}.flac").astype(np.float64) for side in ("clean", "noisy"))


def test_the_distances_are_those_of_the_authors_equations(pair):
    assert distances(*pair) == pytest.approx(REFERENCE, rel=1e-9)


def test_clean_speech_is_at_no_distance_and_has_the_best_figures(pair):
    clean, noisy = pair
    assert distances(clean, clean)[:2] == pytest.approx((0.0, 0.0), abs=1e-9)
    assert distances(clean, clean).segmental_snr_db == 35.0
    best, worse = metrics.scores(clean, clean, FIGURES), metrics.scores(clean, noisy, FIGURES)
    assert all(best[name].value == 5.0 for name in FIGURES)
    assert all(1.0 <= worse[name].value < best[name].value for name in FIGURES)


def test_digital_silence_is_left_out(pair):
    clean, noisy = pair
    pause = np.zeros(40 * FRAME)
    with_pause = [np.concatenate([audio, pause, audio]) for audio in pair]
    assert distances(*with_pause) == pytest.approx(distances(*(np.concatenate([a, a]) for a in pair)), rel=0.02)
    with pytest.raises(ValueError, match="no frame of 30 ms in which both recordings sound"):
        distances(np.zeros(FRAME * 4), noisy[: FRAME * 4])
    with pytest.raises(ValueError, match="shorter than the 60 ms"):
        distances(clean[:FRAME], noisy[:FRAME])


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("zoo", "w8a16")


@pytest.fixture
def voicebank(tmp_path, pair):
    """Two recordings in the folders and with the list of VoiceBank+DEMAND, at its 48 kHz."""
    for name, audio in zip(("clean_testset_wav", "noisy_testset_wav"), pair, strict=True):
        (tmp_path / name).mkdir()
        for number in (1, 2):
            soundfile.write(
                tmp_path / name / f"p232_00{number}.wav", soxr.resample(audio[: 2 * 16000], 16000, 48000), 48000
            )
    (tmp_path / "log_testset.txt").write_text("p232_001 bus 17.5\np232_002 cafe 2.5\n")
    return tmp_path


def test_a_benchmark_is_scored_by_one_option(stapes, voicebank, bundle):
    result = stapes("evaluate", bundle.folder, "--benchmark", "voicebank-demand", voicebank, "--json")
    assert result.code == 0
    assert "2 recording(s), papers on voicebank-demand score 824" in result.stderr
    table = json.loads(result.stdout)
    assert set(table["metrics"]) == {"pesq_wb", *FIGURES, "si_sdr", "stoi"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--benchmark", "dns", "."), "'dns': unknown; give voicebank-demand"),
        (("--benchmark", "voicebank-demand", "."), "has no noisy_testset_wav/"),
        (("--benchmark", "voicebank-demand", ".", "--metrics", "stoi"), "leave --corpus and --metrics out"),
    ],
)
def test_another_folder_name_or_option_is_refused(stapes, bundle, arguments, words):
    assert words in stapes("evaluate", bundle.folder, *arguments).error

"""GTCRN computes its formulas, and computes the same whether it is fed whole sequences or frame by frame."""

import numpy as np
import pytest
import torch
from stapes.models.audio.complex import complex_features
from stapes.models.gtcrn import GtcrnStates
from stapes.models.gtcrn.erb import band_edges, erb_matrix

from tests.models.gtcrn.formulas import Formulas
from tests.models.gtcrn.networks import random_gtcrn, spectra

FRAMES = 14


def features(frames=FRAMES, seed=0):
    return torch.from_numpy(complex_features(spectra(frames, seed)))[None]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_network_is_its_formulas(seed):
    network = random_gtcrn(seed).double()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    x = features(seed=seed)
    with torch.inference_mode():
        mask, _ = network(x)
    expected = Formulas(weights).mask(x[0].numpy().reshape(FRAMES, 3, 257).transpose(1, 0, 2))
    assert np.abs(expected).max() > 0.3  # not all of it asleep
    assert np.abs(mask[0].numpy().reshape(FRAMES, 2, 257).transpose(1, 0, 2) - expected).max() < 1e-11


@pytest.mark.parametrize("cuts", [range(1, FRAMES), (3, 4, 11)])
def test_a_sequence_may_be_cut_anywhere(cuts):
    network, x = random_gtcrn(2).double(), features()
    with torch.inference_mode():
        whole, end = network(x)
        parts, states = [], None
        for part in torch.tensor_split(x, list(cuts), dim=1):
            mask, states = network(part, states)
            parts.append(mask)
    assert (torch.cat(parts, dim=1) - whole).abs().max() < 1e-12
    assert all((a - b).abs().max() < 1e-12 for a, b in zip(states, end, strict=True))


def test_a_batch_is_its_utterances():
    network = random_gtcrn(3).double()
    one, two = features(seed=1), features(seed=2)
    with torch.inference_mode():
        both, states = network(torch.cat([one, two]))
        for row, alone in enumerate((one, two)):
            mask, own = network(alone)
            assert (both[row] - mask[0]).abs().max() < 1e-12
            assert (states.conv[:, row] - own.conv[:, 0]).abs().max() < 1e-12
            assert (states.inter.reshape(2, 2, 33, 16)[:, row] - own.inter[:, 0]).abs().max() < 1e-12


def test_the_mask_does_not_see_the_future():
    network, x = random_gtcrn(4).double(), features()
    changed = x.clone()
    changed[:, 9:] += 1.0
    with torch.inference_mode():
        before, after = network(x)[0], network(changed)[0]
    assert torch.equal(before[:, :9], after[:, :9])
    assert not torch.equal(before[:, 9:], after[:, 9:])


def test_a_spectrum_is_enhanced_by_the_complex_product_with_its_mask():
    network = random_gtcrn(5).double()
    spectrum = spectra(FRAMES)
    official = torch.from_numpy(np.stack([spectrum.T.real, spectrum.T.imag], axis=-1))[None]
    with torch.inference_mode():
        enhanced, states = network.enhance(official)
        mask, _ = network(features())
    real, imaginary = mask[0].numpy().T.reshape(2, 257, FRAMES)
    expected = spectrum.T * (real + 1j * imaginary)
    assert np.abs(enhanced[0, ..., 0].numpy() + 1j * enhanced[0, ..., 1].numpy() - expected).max() < 1e-10
    assert isinstance(states, GtcrnStates)


def test_the_states_have_the_official_layout():
    _, states = random_gtcrn()(features().float())
    assert [tuple(state.shape) for state in states] == [(2, 1, 16, 16, 33), (2, 3, 1, 1, 16), (2, 1, 33, 16)]


def test_the_bank_shares_each_bin_between_two_bands():
    matrix = erb_matrix()
    edges = """65 66 68 70 71 73 74 76 78 80 81 83 85 87 89 91 93 95 97 99 102 104 106 109 111 113 116 119 121 124 126 129 132
    135 138 141 144 147 150 154 157 160 164 167 171 175 178 182 186 190 194 199 203 207 212 216 221 226 230 235 240 245 251 256"""
    assert band_edges().tolist() == [int(edge) for edge in edges.split()]
    assert np.allclose(matrix.sum(axis=0), 1.0, atol=1e-6)
    assert ((matrix > 1e-6).sum(axis=0) <= 2).all()
    assert np.array_equal(random_gtcrn().erb.ierb_fc.weight.numpy(), matrix.T)

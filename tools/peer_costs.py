"""What others cost on a Cortex-M7, in instructions: measured once, by others than this program, and written down here.

Compiled by GCC 12 with each project's own flags, instructions counted in QEMU.
"""

from __future__ import annotations

from typing import Any

# The zoo's GRU mask without its audio path: multiply-accumulates of a frame, and instructions of one Invoke of TFLite
# Micro with CMSIS-NN.
NETWORK_MACS = 188_672
NETWORKS = {
    "TFLite Micro + CMSIS-NN, int8": 981_348,
    "TFLite Micro + CMSIS-NN, 16x8, one scale a matrix": 697_996,
    "TFLite Micro + CMSIS-NN, 16x8, as 1x1 convolutions": 1_167_613,
}
# Its matrix kernels alone, a multiply-accumulate, call and requantisation included: arm_fully_connected_s16 and
# arm_fully_connected_s8.
KERNELS = {
    "int16 activations, 65->384": 3.25,
    "int16 activations, 128->384": 2.78,
    "int8 activations, 65->384": 2.72,
    "int8 activations, 128->384": 2.27,
}
# A value of the kernels between the matrices: CMSIS-NN's, the curves of int8 TFLite Micro's own; and of functions of one
# number: arm_sqrt_q31 and arm_vlog_q31 of CMSIS-DSP.
ELEMENTS = {
    "mul int16": 27.0,
    "logistic int16": 24.0,
    "tanh int16": 23.0,
    "add int8": 82.0,
    "mul int8": 36.0,
    "logistic int8": 420.0,
    "tanh int8": 420.0,
    "square root of 32 bits": 51.0,
    "log2 of 32 bits": 294.0,
}
# RNNoise, millions a second of audio: version 0.1.1 in float, and the current one (int8) with the weights that
# pyrnnoise 0.4.5 carries.
RNNOISE_MILLIONS = {"0.1.1": 133, "current": 1_085}


def network_peers() -> dict[str, dict[str, Any]]:
    """Each peer's instructions for the zoo's network, and those per multiply-accumulate."""
    return {
        name: {"instructions": count, "instructions_per_mac": round(count / NETWORK_MACS, 2)}
        for name, count in NETWORKS.items()
    }

"""GTCRN, a network of 48 000 numbers that turns complex spectra into complex masks; in the order in which data meets it.

erb            the bank of triangular bands that the high bins go through, and back
blocks         the parts: neighbours, convolution blocks, temporal attention, dual-path recurrent networks
network        all of it: whole sequences or frame by frame, with the same states
folded         its weights as a device takes them
onnx_graph     one frame with those weights as ONNX nodes
official_onnx  the other way: weights out of the official streaming ONNX file

Source: Rong et al., GTCRN: a speech enhancement model requiring ultralow computational resources, ICASSP 2024. Parameters carry the
names of the official checkpoints.
"""

from .network import Gtcrn, GtcrnStates, features_of

__all__ = ["Gtcrn", "GtcrnStates", "features_of"]

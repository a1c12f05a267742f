"""stapes: from a trained speech-enhancement network to hearing-aid firmware whose every bit is known in advance.

The repository's root is this package. Its folders, in the order in which data meets them:

models        the float world: sound, networks, checkpoints
quantize      a float graph becomes an integer graph
export        an integer graph becomes files: .tflite, C, packages
firmware_sim  the same bits in Python, and on emulated devices
tools         the command line, bundles, corpora, training, evaluation, benchmarks
"""

import os

# onnxruntime tells its makers what it runs, and keeps an identifier in the user's cache for it, unless this is set before it
# is loaded; torchmetrics and onnxscript load it as well. So it stands here, which runs before all else.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

"""What a type checker sees of the library; `make check` runs it over this file, nothing else does."""

from pathlib import Path
from typing import assert_type

import numpy as np
import stapes
import stapes.quantize.graph as graph_module
import torch
from stapes.quantize.graph import Graph
from stapes.quantize.pipeline import Quantised
from stapes.tools.device_report import DeviceInspection
from stapes.tools.library.evaluate import Evaluated
from stapes.tools.library.export import Exported
from stapes.tools.library.inspect import Inspection
from stapes.tools.library.quantize import QuantizedBundle
from stapes.tools.library.simulate import Simulation
from stapes.tools.regression import Report

made = stapes.quantize(torch.nn.Linear(1, 1), "bundle", recipe="w8a16", calibration=[Path("a.wav")])
assert_type(made, QuantizedBundle)
assert_type(made.bundle, stapes.Bundle)
assert_type(made.quantised, Quantised)
assert_type(made.bundle.graph, Graph)
assert_type(made.bundle.graph, graph_module.Graph)
assert_type(stapes.export("bundle", Path("c"), package="cmake"), Exported)
assert_type(stapes.simulate(made.bundle, np.zeros(10, np.int16)), Simulation)
assert_type(stapes.regress("bundle", engine="native"), Report)
assert_type(stapes.inspect("bundle"), Inspection)
assert_type(stapes.inspect("bundle", device=True, target="portable"), DeviceInspection)
assert_type(stapes.evaluate("bundle", metrics=["pesq", "stoi"]), Evaluated)
assert_type(stapes.load_bundle("bundle"), stapes.Bundle)
assert issubclass(stapes.StapesError, Exception)
# Each of these is wrong: without the remark the checker would complain, and with it it complains where it finds nothing.
stapes.quantize(3, "bundle")  # type: ignore[arg-type]
stapes.export("bundle")  # type: ignore[call-arg]
stapes.inspect("bundle", instructions_per_cycle=1.0)  # type: ignore[call-overload]

"""PESQ in a process of its own, run by the path of this file: its reference code can crash, and takes nothing else with it then.

Asked on standard input: the number of samples (4 bytes), then as many float32 of the clean and of the processed recording, all
little-endian. It answers each question with one line of JSON: `{"value": 3.2}`, or `{"error": "NoUtterancesError", "said": ""}`.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from pesq import pesq

RATE = 16000


def main() -> None:
    asked, answers = sys.stdin.buffer, sys.stdout
    while head := asked.read(4):
        size = 4 * int.from_bytes(head, "little")
        clean, processed = (np.frombuffer(asked.read(size), "<f4") for _ in range(2))
        try:
            answer: dict[str, object] = {"value": float(pesq(RATE, clean, processed, "wb"))}
        except Exception as error:
            answer = {"error": type(error).__name__, "said": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Runs the real Silero VAD by onnxruntime.

Usage: onnx_runtime.py FOLDER, which has silero_vad.onnx
"""

import sys
from pathlib import Path

import numpy
import onnxruntime


def main():
    session = onnxruntime.InferenceSession(Path(sys.argv[1], "silero_vad.onnx"), providers=["CPUExecutionProvider"])
    # 512 samples, and the 64 before them.
    silence = {
        "input": numpy.zeros((1, 576), numpy.float32),
        "state": numpy.zeros((2, 1, 128), numpy.float32),
        "sr": numpy.array(16000),
    }
    speech = session.run(["output"], silence)[0].item()
    if not 0 < speech < 0.01:
        sys.exit(f"there is speech in silence: {speech}")
    print(f"onnxruntime {onnxruntime.__version__}: speech in silence {speech:.4f}")


main()

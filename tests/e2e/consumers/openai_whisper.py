"""Loads a checkpoint by its name, from where openai-whisper looks.

Usage: openai_whisper.py ADDRESS, which ends in <sha256>/tiny.pt

The genuine tiny.pt is not to be had here, so the package's table of addresses says ADDRESS for `tiny`. All else is
the package's own: the folder, the digest it compares the file with (the last part but one of the address), what it
does to a file with another, loading and decoding.
"""

import sys

import torch
import whisper


def main():
    whisper._MODELS["tiny"] = sys.argv[1]
    model = whisper.load_model("tiny")
    options = whisper.DecodingOptions(language="en", without_timestamps=True, sample_len=3, fp16=False)
    decoded = whisper.decode(model, torch.zeros(80, 3000), options)
    print(f"openai-whisper {whisper.__version__}: {model.dims.n_text_layer} layers, decoded {len(decoded.tokens)} tokens")


main()

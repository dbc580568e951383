"""Makes checkpoints with torch: two for openai-whisper, and a plain one.

Usage: checkpoints.py FOLDER

Those for openai-whisper have the layers, heads and vocabulary of the genuine tiny.pt, a narrower state, and random
weights, so that they take 11 MB each and the package's own code loads them.
"""

import dataclasses
import sys
from pathlib import Path

import torch
from whisper.model import ModelDimensions, Whisper

DIMENSIONS = ModelDimensions(
    n_mels=80,
    n_audio_ctx=1500,
    n_audio_state=48,
    n_audio_head=6,
    n_audio_layer=4,
    n_vocab=51865,
    n_text_ctx=448,
    n_text_state=48,
    n_text_head=6,
    n_text_layer=4,
)


def whisper_checkpoint(seed):
    torch.manual_seed(seed)
    return {"dims": dataclasses.asdict(DIMENSIONS), "model_state_dict": Whisper(DIMENSIONS).state_dict()}


def main():
    folder = Path(sys.argv[1])
    torch.save(whisper_checkpoint(1), folder / "tiny.pt")
    torch.save(whisper_checkpoint(2), folder / "other.pt")
    torch.save({"weight": torch.arange(6.0).reshape(2, 3)}, folder / "linear.pth")


main()

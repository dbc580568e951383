"""Loads checkpoints from where torch hub looks: a plain one by its address, and the real Silero VAD.

Usage: torch_hub.py
"""

import sys
from pathlib import Path

import torch


def main():
    weights = torch.hub.load_state_dict_from_url("https://models.example/linear.pth")
    if weights["weight"].shape != (2, 3):
        sys.exit(f"not the checkpoint: {weights}")
    voice = torch.jit.load(Path(torch.hub.get_dir(), "checkpoints", "silero_vad.jit"))
    silence = voice(torch.zeros(1, 512), 16000).item()
    if not 0 < silence < 0.01:
        sys.exit(f"there is speech in silence: {silence}")
    print(f"torch {torch.__version__}: speech in silence {silence:.4f}")


main()

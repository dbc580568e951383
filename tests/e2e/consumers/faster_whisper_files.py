"""Finds a model's files as faster-whisper does, by the function that its `WhisperModel("tiny")` calls.

Usage: faster_whisper_files.py
"""

import sys
from pathlib import Path

from faster_whisper import __version__
from faster_whisper.utils import download_model

NAMES = ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]


def main():
    found = sorted(path.name for path in Path(download_model("tiny", local_files_only=True)).iterdir())
    if found != NAMES:
        sys.exit(f"not the model's files: {found}")
    print(f"faster-whisper {__version__}: {len(found)} files")


main()

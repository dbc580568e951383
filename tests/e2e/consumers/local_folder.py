"""Finds files in a folder with the sidecars that huggingface_hub and swift-transformers put beside downloads.

Usage: local_folder.py FOLDER REPOSITORY COMMIT FILE...
"""

import sys
from pathlib import Path

from huggingface_hub import hf_hub_download


def main():
    folder, repository, commit, *files = sys.argv[1:]
    for file in files:
        # Offline, a file without its sidecar is asked for, and that fails.
        found = hf_hub_download(repository, file, revision=commit, local_dir=folder)
        if Path(found) != Path(folder, file).resolve():
            sys.exit(f"{found} is not in {folder}")
    print(f"huggingface_hub: {len(files)} files at {commit} in a folder with sidecars")


main()

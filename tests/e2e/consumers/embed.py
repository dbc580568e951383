"""Loads a model as the package fastembed does: a session from the one file, a tokenizer from the others.

Usage: embed.py
"""

import fastembed


def main():
    embedding = fastembed.TextEmbedding("sentence-transformers/all-MiniLM-L6-v2", local_files_only=True)
    tokens = embedding.model.tokenizer.encode("hello world").ids
    print(f"fastembed {fastembed.__version__}: a session, and a tokenizer that says {tokens[:4]}")


main()

"""Splits a sentence by the tokenizer of all-MiniLM-L6-v2, found by its name.

Usage: tokenizer.py
"""

import sys

import tokenizers


def main():
    tokenizer = tokenizers.Tokenizer.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
    tokenizer.no_padding()
    tokens = tokenizer.encode("hello world").ids
    if tokens != [101, 7592, 2088, 102]:
        sys.exit(f"not the tokens of MiniLM: {tokens}")
    print(f"tokenizers {tokenizers.__version__}: {tokens}")


main()

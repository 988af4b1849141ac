#!/usr/bin/env python3
"""Writes crates/auth/src/password/policy/common.txt anew, from the list that Django ships.

    python3 -m venv v && v/bin/pip install Django==5.2.19 && v/bin/python scripts/common-passwords.py

What the check finds by itself is left out: the same with digits or marks around it.
"""

import gzip
import pathlib
import unicodedata

import django.contrib.auth

LEAST, AROUND = 4, 6


def core(text):
    start, end = 0, len(text)
    while start < end and not text[start].isalpha():
        start += 1
    while end > start and not text[end - 1].isalpha():
        end -= 1
    return text[start:end]


source = pathlib.Path(django.contrib.auth.__file__).parent / "common-passwords.txt.gz"
with gzip.open(source, "rt", encoding="utf-8") as lines:
    words = {unicodedata.normalize("NFKC", line.strip()).lower() for line in lines}
# Too short to be a password anywhere, or what is left of another encoding.
words = {word for word in words if len(word) >= LEAST and "&#" not in word and "пїѕ" not in word}


def is_found(word):
    inner = core(word)
    return inner != word and inner in words and len(word) - len(inner) <= AROUND


kept = sorted((word for word in words if not is_found(word)), key=lambda word: word.encode())
target = pathlib.Path(__file__).parent.parent / "crates/auth/src/password/policy/common.txt"
target.write_text("".join(f"{word}\n" for word in kept), encoding="utf-8")
print(f"{len(kept)} of {len(words)} words, {target.stat().st_size} bytes")

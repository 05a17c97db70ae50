"""Damaged files of every family that is read, and what becomes of them.

:mod:`.families` writes small intact ones, :mod:`.mutations` damages any file byte by
byte, :mod:`.fields` those of known formats where it hurts, :mod:`.traps` makes files
that must not be believed, and :mod:`.trial` opens what is left in every way there is.
``tests/io/test_fuzzing.py`` tries some, ``benchmarks/fuzz.py`` many.
"""

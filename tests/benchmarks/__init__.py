"""The benchmarks: ``make bench``.

Every figure comes from a process of its own. A run keeps them in a JSON file and puts
tables and a plot into ``docs/benchmarks.md``. pytest collects nothing here.
"""

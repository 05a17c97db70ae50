"""Running a fold to its end, for several test modules."""


def run(fold):
    """Everything that a fold yields, and what it returns."""
    shares = []
    while True:
        try:
            shares.append(next(fold))
        except StopIteration as end:
            return shares, end.value

"""Many cases: finding them, naming them, and computing their maps."""

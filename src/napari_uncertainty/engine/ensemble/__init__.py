"""Several members of one case: what they doubt together, and where they disagree."""

"""Several members of one case: what they doubt together, and where they disagree.

Members stream side by side, class by class (:mod:`.fold`), so that memory grows with
the members and not with the classes. What each of them has to be divided by is known
after a first reading (:mod:`.readings`, :mod:`.opinion`); the arithmetic is in
:mod:`.kernel`, and how members lie on each other in :mod:`.members`.
"""

from .fold import iter_ensemble
from .maps import EnsembleMaps
from .members import Member, members_of

__all__ = ["EnsembleMaps", "Member", "iter_ensemble", "members_of"]

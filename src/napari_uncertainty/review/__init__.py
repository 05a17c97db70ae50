"""A review: places that a person goes through, what was decided, and its file."""

from .edits import changed_voxels
from .fingerprint import Options, ReviewedInput, fingerprint
from .review import Progress, Review
from .session import Session
from .stop import VERDICTS, Decision, Stop, Verdict
from .store import FoundReview, find_session, place_for, user_folder

__all__ = [
    "VERDICTS",
    "Decision",
    "FoundReview",
    "Options",
    "Progress",
    "Review",
    "ReviewedInput",
    "Session",
    "Stop",
    "Verdict",
    "changed_voxels",
    "find_session",
    "fingerprint",
    "place_for",
    "user_folder",
]

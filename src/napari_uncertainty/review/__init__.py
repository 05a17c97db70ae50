"""A review: places that a person goes through, what was decided, and its file."""

from .edits import apply_runs, changed_voxels, restore, runs_of
from .fingerprint import Options, ReviewedInput, fingerprint
from .progress import Progress
from .review import Review
from .session import Refreshed, Session, Window
from .stop import VERDICTS, Decision, Stop, Verdict
from .store import Found, find_session, place_for, user_folder

__all__ = [
    "VERDICTS",
    "Decision",
    "Found",
    "Options",
    "Progress",
    "Refreshed",
    "Review",
    "ReviewedInput",
    "Session",
    "Stop",
    "Verdict",
    "Window",
    "apply_runs",
    "changed_voxels",
    "find_session",
    "fingerprint",
    "place_for",
    "restore",
    "runs_of",
    "user_folder",
]

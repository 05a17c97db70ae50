"""Error and warning that are meant for the person at the screen."""

#: Characters of an error of a library that a message quotes. Libraries quote what they
#: do not understand, however much of it there is.
LONGEST = 200


class InputError(ValueError):
    """Input that cannot be used; the message says what is wrong and what to do.

    The viewer shows the message as a notification and the command line prints it on
    stderr, both without a traceback.
    """


class UncertaintyWarning(UserWarning):
    """Warning of a guess, or of something that a file contradicts.

    ``warnings.simplefilter("error", UncertaintyWarning)`` makes it an error.
    """


def in_short(error: Exception) -> str:
    """Return what an error says, in one line of at most :data:`LONGEST` characters."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"

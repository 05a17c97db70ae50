"""Error and warning that are meant for the person at the screen."""


class InputError(ValueError):
    """Input that cannot be used; the message says what is wrong and what to do.

    The viewer shows the message as a notification and the command line prints it on
    stderr, both without a traceback.
    """


class UncertaintyWarning(UserWarning):
    """Something that was guessed, or that a file at hand contradicts.

    ``warnings.simplefilter("error", UncertaintyWarning)`` makes it an error.
    """

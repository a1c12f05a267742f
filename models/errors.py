"""The exception and the warning that a user is meant to read."""


class StapesError(Exception):
    """A fault in what the user gave: its message is one line that names the thing and the remedy.

    The command line prints the message on standard error and exits with code 2; no traceback is shown.
    """


class Remark(UserWarning):
    """What a user should know of an input that is taken: one line, which the command line prints as a note.

    Warnings of other categories are of libraries, and are not shown.
    """

"""What can go wrong with a source, told apart by what should be done about it."""

# the last part of a problem's type (RFC 9457) where it is about money, as X names them
CAPPED = frozenset({"usage-capped", "credits", "spend-cap"})


class SpecError(ValueError):
    """A description or a connection makes no sense; found before anything runs."""


class SourceError(RuntimeError):
    """A source could not be read. The stream is recorded as failed, the night goes on without it.

    The text never holds credentials, query strings or what a body said.
    """


class CredentialsRefused(SourceError):
    """401: nothing gets better by trying again."""


class RequestRejected(SourceError):
    """A 4xx that means this request, not this moment, is wrong."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class NotAvailable(SourceError):
    """The account's plan or permission withholds the stream (403/404 where that may happen)."""


class NoProgress(SourceError):
    """The source points back at where we are: going on would never end."""


class Stopped(SourceError):
    """The night was interrupted: a walk ends where it is, and the next call goes on from there."""


class Shrunk(SourceError):
    """A whole list came with far fewer records than last time: it is not taken for the truth."""


class BudgetSpent(SourceError):
    """What a night may spend at the source is spent; it goes on where it stopped the next night."""


class OutOfCredits(SourceError):
    """The account may not read any more before somebody pays: asking again changes nothing."""

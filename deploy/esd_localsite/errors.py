"""The one error of the local site that reaches a user."""


class LocalSiteError(Exception):
    """The local site cannot start, stop or answer: the message says what, where, and what to do."""

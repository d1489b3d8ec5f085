"""What is refused, in one error that a user can read."""

from nofreelunch.base.errors import UserError


def refusal(work) -> str | None:
    """The message with which ``work()`` refuses, None if it does not; any other error is the test's failure."""
    try:
        work()
    except UserError as error:
        message = str(error)
        assert message.strip()
        return message
    return None

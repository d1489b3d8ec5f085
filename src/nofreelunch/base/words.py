"""Numbers of things, in words."""


def counted(number: int, one: str, many: str = "") -> str:
    """'1 task', '1,200 tasks'; ``many`` where the plural is not that with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"

"""Times as people read them."""


def clock(seconds: float) -> str:
    """Minutes and seconds, 1:05, or hours too, 2:01:05."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"

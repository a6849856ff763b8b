"""Times as people read them."""


def clock(seconds: float) -> str:
    """Minutes and seconds, 1:05, or hours too, 2:01:05."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def time_of_day(seconds: float) -> str:
    """Hours and minutes of the day, 08:05, of a time in seconds since midnight."""
    minutes = round(seconds) // 60
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"

"""From the words of "how many …?" to the categories asked for, or the reason why counts do not answer."""

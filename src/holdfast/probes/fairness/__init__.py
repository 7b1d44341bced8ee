"""Whether groups of people are treated alike, and through which columns they are not."""

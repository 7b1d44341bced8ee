"""Whether groups of people are still treated alike, also where nobody may write down who belongs to them."""

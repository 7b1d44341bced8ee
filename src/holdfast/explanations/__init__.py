"""Why a decision was made, and what would have changed it: for the person, in their words, and for the record."""

"""The records that everything else carries, and the pure functions that compare them. Standard library only."""

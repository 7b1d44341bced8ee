"""The trips through the house: one file each. They load once, compute purely, and commit once."""

"""What can be seen of a pipeline step from outside: its files, its code's revision, and what its Python opened."""

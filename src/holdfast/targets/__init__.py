"""How code reaches the model under test: one loader a file, and the isolated worker that runs them."""

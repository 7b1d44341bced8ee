"""Predictive models: the protocols of tables, and who serves them."""

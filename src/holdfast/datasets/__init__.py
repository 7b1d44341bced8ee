"""Reading tables, column roles, feature constraints, and the one matrix form that probes and targets exchange."""

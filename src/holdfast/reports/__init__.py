"""One renderer a file. Each is a pure function of a `Run`; none decides, measures or looks anything up."""

"""The version of this package, read by the build and stamped into every piece of evidence."""

__version__ = "0.1.0"

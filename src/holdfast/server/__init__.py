"""The control plane over HTTP: an API for programs and a console for people, on the same trips."""

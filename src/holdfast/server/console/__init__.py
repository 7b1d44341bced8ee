"""The console, one file for each room of it: server-rendered pages that need no script to be read."""

"""Where records lie: files, keys and caches."""

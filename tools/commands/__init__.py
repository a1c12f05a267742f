"""One file a command of `stapes`."""

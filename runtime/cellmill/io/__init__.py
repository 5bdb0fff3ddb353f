"""Where values live: the value store and the built-in IO managers."""

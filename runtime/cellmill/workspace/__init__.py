"""Where code is: code locations, their hosts and reload."""

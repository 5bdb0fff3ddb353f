"""Reading notebooks: document, magic grammar, names, slices, fingerprints, scan (text in, facts out)."""

"""cellmill inside a kernel: magics, the session, the lineage widget and rich displays."""

"""cellmill inside JupyterLab: the server extension and the application."""

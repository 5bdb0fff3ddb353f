"""How a run happens: the step runner, the run loop, contexts, executors and notebook runs."""

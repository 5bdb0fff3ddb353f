"""What is declared: assets, ops, graphs, jobs, resources, IO managers, config, types, partitions, schedules, sensors."""

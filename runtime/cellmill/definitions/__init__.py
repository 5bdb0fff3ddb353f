"""What is declared: assets, ops, graphs, jobs, resources, config, types, partitions, schedules, sensors."""

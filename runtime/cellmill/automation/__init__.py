"""When runs start: scheduler, sensors, backfills, declarative automation, queue, monitor and the daemon."""

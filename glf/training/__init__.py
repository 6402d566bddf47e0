"""Training: the loop, its checkpoints, its run folder, optimizers and schedules."""

"""STAGE 4: run an ensemble: the scheduler, and the executor of one agent."""

"""STAGE 2: which agents are ready, which come next, how deep the DAG is, and how it looks."""

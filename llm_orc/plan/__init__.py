"""Stage 3: which model should serve which agent."""

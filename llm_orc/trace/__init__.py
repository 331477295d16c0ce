"""STAGE 5: observers of the event stream."""

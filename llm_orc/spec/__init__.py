"""STAGE 1: YAML files become checked values; every problem is reported with its position."""

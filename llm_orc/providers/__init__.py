"""Plug-ins: one file per wire protocol, and what they share (`http`, `faults`, `keys`, `shapes`, …)."""

"""Plug-ins: one file per way of thinking."""

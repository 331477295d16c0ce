"""Plug-ins: one file per wire protocol."""

"""Ensembles measured on rows with known answers, and made better."""

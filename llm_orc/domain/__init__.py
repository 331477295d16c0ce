"""The nouns: frozen values and the protocols between rooms. Standard library only."""

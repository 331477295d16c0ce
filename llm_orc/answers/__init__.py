"""Reading the answer out of a reply, and telling whether two answers mean the same."""

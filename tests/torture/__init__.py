"""What breaks a run in many ways and many times, with figures. By hand: `make torture`."""

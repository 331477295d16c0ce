"""Workloads and reports that compare routers."""

"""Exact answers for small cases, and Laplace's: what approximations are judged by."""

"""Positions on the Earth."""

EARTH_RADIUS = 6371.0
"""Radius in km of the sphere along which distances are measured."""

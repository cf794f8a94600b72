"""Engine for AuroraX over HTTP: `https://api.aurorax.space`, or any service with the same API."""

from auroraql.engines.aurorax.aurorax_engine import AuroraXEngine

__all__ = ["AuroraXEngine"]

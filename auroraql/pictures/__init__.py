"""Pictures of results: timeline, availability, distances, map and keograms.

A picture has one model, computed from the rows of a result, and three renderers: text for terminals, SVG, and
matplotlib. `registry` combines them. Models and the first two renderers need no other package and no network.
"""

PICTURE_NAMES = ("timeline", "availability", "distances", "map", "keograms")
"""Names of the pictures, for options and completion. `registry` has the rest, and needs numpy."""

"""SVG renderers of pictures. Values are never markup, and a picture needs no other file."""

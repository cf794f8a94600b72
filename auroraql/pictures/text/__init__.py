"""Text renderers of pictures, for terminals. They are readable without color and, if necessary, in ASCII."""

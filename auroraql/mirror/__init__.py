"""Mirror of an archive, or of a part of it, in a catalogue file: what `auroraql sync` copies, compares and records."""

"""IPython extension: `%load_ext auroraql` adds the magics `%auroraql` and `%%auroraql` to notebooks."""

"""`python -m auroraql` is the command line."""

from auroraql.frontends.cli import main

raise SystemExit(main())

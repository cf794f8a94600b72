from auroraql.frontends.cli import main

raise SystemExit(main())

"""``python -m minibnn`` is the command ``minibnn``."""

import sys

from minibnn.commands.main import main

sys.exit(main())

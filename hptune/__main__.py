"""`python -m hptune` is the command hptune."""

from hptune.cli import main

main()

"""Build the documentation site into site/.

The pages are those of docs/, the change log and others; the references are generated. Options come after --:
scripts/docs --check builds strictly; scripts/docs serve serves the site on this machine.
"""

if __name__ == "__main__":
    from run_command import exit_on_interrupt

    exit_on_interrupt()

import argparse

from run_command import run_command

from documenting import build


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="scripts/docs", description="Build the documentation site into site/.")
    parser.add_argument("action", nargs="?", choices=["build", "serve"], default="build", help="build by default")
    parser.add_argument(
        "--check", action="store_true", help="exit 1 on a warning, a broken link or anchor, or a name without a text"
    )
    options = parser.parse_args()
    if options.action == "serve":
        if options.check:
            parser.error("serve takes no --check")
        return build.serve_site()
    return build.check_site() if options.check else build.build_site()


if __name__ == "__main__":
    run_command(main)

"""`python -m minigen.cli` is `minigen`."""

from minigen.cli import main

if __name__ == "__main__":
    main()

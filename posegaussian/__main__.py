"""`python -m posegaussian`."""

from posegaussian.cli import main

if __name__ == "__main__":
    main()

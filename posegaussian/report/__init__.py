"""One self-contained page about a model: numbers, pictures, curves, provenance."""

"""HTML and Markdown pages: the report about a model, the results tables, the inspection of a capture."""

"""Metrics under named protocols, with a floor and a ceiling beside every method."""

"""Views for a scene that has none: where to look from, so that everything in it is seen."""

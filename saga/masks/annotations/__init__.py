"""Annotation files of other tools: each kind has one reader, and `table` knows which kind a file is."""

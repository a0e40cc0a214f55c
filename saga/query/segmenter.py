"""The Segmenter by its earlier name; it is one of the methods, `saga.methods.saga`."""

from saga.methods.saga.segmenter import Segmenter

__all__ = ["Segmenter"]

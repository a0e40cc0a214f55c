"""The ctypes side of cuda/saga.h: the CPU and the CUDA library, and calls of their functions."""

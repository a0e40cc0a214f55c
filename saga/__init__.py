"""saga: click an object in a 3D Gaussian splatting scene and get it in 3D.

Names are loaded when they are first used, so that importing saga is cheap. One thing changes in the process: where
PyTorch is not loaded yet and OMP_WAIT_POLICY is not set, it becomes PASSIVE (docs/performance.md says what for).
"""

import os
import sys

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# PyTorch's OpenMP threads spin while they wait, which on a machine with other work costs many times what it saves.
# Only a value set before PyTorch is loaded counts; a person's own choice stands.
if "torch" not in sys.modules:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

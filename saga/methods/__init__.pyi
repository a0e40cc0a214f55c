from .base import DiscoveringMethod as DiscoveringMethod
from .base import Method as Method
from .base import ViewPrompt as ViewPrompt
from .disconerf.config import DiscoNerfConfig as DiscoNerfConfig
from .disconerf.slots import ObjectSlots as ObjectSlots
from .prompted import PromptedMethod as PromptedMethod
from .prompter import MaskPrompter as MaskPrompter
from .prompter import Prompter as Prompter
from .prompter import SamPrompter as SamPrompter
from .registry import (
    config_class as config_class,
)
from .registry import (
    method_class as method_class,
)
from .registry import (
    method_names as method_names,
)
from .registry import (
    open_method as open_method,
)
from .registry import (
    register as register,
)
from .sa3d.config import Sa3dConfig as Sa3dConfig
from .sa3d.method import Sa3d as Sa3d
from .saga.segmenter import Segmenter as Segmenter
from .sanerf_hq.config import SanerfHqConfig as SanerfHqConfig
from .sanerf_hq.method import SanerfHq as SanerfHq
from .sgisrf.config import SgisrfConfig as SgisrfConfig
from .sgisrf.segmenter import Sgisrf as Sgisrf
from .view_order import choose_views as choose_views

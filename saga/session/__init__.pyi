from .bits import Bits as Bits
from .history import History as History
from .keeping import Outcome as Outcome
from .session import Session as Session
from .state import Mode as Mode
from .state import NamedObject as NamedObject
from .state import State as State
from .store import SessionFile as SessionFile

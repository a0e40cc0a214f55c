from .asset import Asset as Asset
from .asset import make_asset as make_asset
from .config import AssetConfig as AssetConfig
from .upright import Uprights as Uprights

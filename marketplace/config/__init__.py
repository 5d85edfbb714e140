"""The configuration of a marketplace process, typed and checked before anything starts."""

from marketplace.config.sections import TrustSettings
from marketplace.config.settings import (
    CLIENT_VARIABLES,
    ConfigurationError,
    Settings,
    environment_settings,
    in_url,
    load_settings,
    read_ini,
    setting_names,
    variable_name,
)

__all__ = [
    "CLIENT_VARIABLES",
    "ConfigurationError",
    "Settings",
    "TrustSettings",
    "environment_settings",
    "in_url",
    "load_settings",
    "read_ini",
    "setting_names",
    "variable_name",
]

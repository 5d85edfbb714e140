"""Programs that run in ``build/openstack``, the environment of ``make openstack``."""

"""The little of OpenStack's interfaces that a site needs: clouds.yaml, tokens of Keystone, requests."""

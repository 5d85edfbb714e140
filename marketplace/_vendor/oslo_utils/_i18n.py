"""Messages of oslo.utils stay English."""


def _(text: str) -> str:
    return text

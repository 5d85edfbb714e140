"""What a cloud site says, under its own signature, of an image that it imported or could not import."""

from marketplace.receipts.exchange import MOST_RECEIPTS, ReceiptOutcome, Result, parse_answer, write_request
from marketplace.receipts.receipt import (
    MAX_RECEIPT,
    Finding,
    Receipt,
    ReceiptError,
    ReceiptFormatError,
    ReceiptSignatureError,
    is_site_name,
    parse_receipt,
    parse_site_key,
    sign_receipt,
    verify_receipt,
)

__all__ = [
    "MAX_RECEIPT",
    "MOST_RECEIPTS",
    "Finding",
    "Receipt",
    "ReceiptError",
    "ReceiptFormatError",
    "ReceiptOutcome",
    "ReceiptSignatureError",
    "Result",
    "is_site_name",
    "parse_answer",
    "parse_receipt",
    "parse_site_key",
    "sign_receipt",
    "verify_receipt",
    "write_request",
]

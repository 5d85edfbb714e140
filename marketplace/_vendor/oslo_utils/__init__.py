"""The format inspector of oslo.utils 10.2.0, and what it imports."""

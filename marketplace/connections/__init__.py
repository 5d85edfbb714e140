"""waitress with deadlines: what a client may take its time with, and for how long.

waitress's own timeout starts anew with every byte, so a client that sends one
byte a minute keeps its connection, and one that reads as slowly keeps a
response in memory. Here a request must arrive whole within a time, and a response
must be read at a least speed. See also ``marketplace/server.py``,
which sets the numbers.
"""

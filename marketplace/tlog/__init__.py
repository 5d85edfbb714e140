"""Transparency logs as pure functions: Merkle tree, signed notes, checkpoints, tiles, proofs.

Own code over hashes and signatures, exact to RFC 6962 and the C2SP
specifications. Nothing here reads a file, a clock, a network or a database, so
that a client proves offline with the same functions that a server signs with.
"""

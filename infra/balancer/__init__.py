"""Keeps nginx's list of gateways: asks each for `/readyz`, and tells nginx who may have sockets.

Read `standing` (who is in the list, pure), then `files` (what nginx reads), then `asking`.
`python -m infra.balancer` runs beside nginx; nginx goes on with its last list without it
(ADR 0020).
"""

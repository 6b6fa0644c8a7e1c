"""What RFC 6455 asks of a server, checked on the gateway's own WebSocket parts.

`echo` is an endpoint of those parts, with an echo in place of the session.
"""

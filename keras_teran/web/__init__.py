"""The search page and its service: an `Index` over HTTP, on loopback by default."""

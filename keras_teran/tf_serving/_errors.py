"""What can go wrong between the client and the server."""


class ServingError(RuntimeError):
    """The server refused a request, or answered what is no answer."""


class UnavailableError(ServingError):
    """No server took the request; asking again may help."""

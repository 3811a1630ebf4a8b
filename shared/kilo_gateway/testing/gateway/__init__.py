"""The server side of the wire: routes, checks, transformation, answers. Independent of the package's client."""

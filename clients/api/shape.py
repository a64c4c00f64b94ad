"""Says whether a JSON value has a shape: which keys there must be, and of which types."""


class Maybe:
    """The key may be missing, or its value null."""

    def __init__(self, shape):
        self.shape = shape


class Nullable:
    """The key must be there; its value may be null."""

    def __init__(self, shape):
        self.shape = shape


class Each:
    """A map of any keys, whose values all have one shape."""

    def __init__(self, shape):
        self.shape = shape


def wrong(value, shape, at='$'):
    """All that does not fit, as a list of sentences."""
    if isinstance(shape, (Maybe, Nullable)):
        return [] if value is None else wrong(value, shape.shape, at)
    if isinstance(shape, Each):
        if not isinstance(value, dict):
            return [f'{at} is {value!r}, not a map']
        return [w for k, v in value.items() for w in wrong(v, shape.shape, f'{at}.{k}')]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f'{at} is {value!r}, not an object']
        found = []
        for key, inner in shape.items():
            if key in value:
                found += wrong(value[key], inner, f'{at}.{key}')
            elif not isinstance(inner, Maybe):
                found.append(f'{at}.{key} is missing')
        return found
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f'{at} is {value!r}, not a list']
        return [w for i, v in enumerate(value) for w in wrong(v, shape[0], f'{at}[{i}]')]
    if isinstance(shape, tuple):
        return [] if any(not wrong(value, s, at) for s in shape) else [f'{at} is {value!r}, none of {shape}']
    if shape in (int, float) and isinstance(value, bool):
        return [f'{at} is {value!r}, not a number']
    if shape is float and isinstance(value, int):
        return []
    if isinstance(shape, type):
        return [] if isinstance(value, shape) else [f'{at} is {value!r}, not {shape.__name__}']
    if hasattr(shape, 'search'):
        return [] if isinstance(value, str) and shape.search(value) else [f'{at} is {value!r}, which does not match {shape.pattern}']
    return [] if value == shape else [f'{at} is {value!r}, not {shape!r}']


def fits(value, shape):
    found = wrong(value, shape)
    assert not found, '\n'.join(found)

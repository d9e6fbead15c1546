"""Seeds for the single proposals of a sampler, which are the same in every process."""

from hashlib import blake2b

__all__ = ["derive_seed"]


def derive_seed(*key: object) -> int:
    """Return a seed of 64 bits that depends on all parts of the key.

    Examples
    --------
    >>> derive_seed(0, 1, "x") == derive_seed(0, 1, "x"), derive_seed(0, 1, "x") == derive_seed(0, 2, "x")
    (True, False)
    """
    text = " ".join(str(part) for part in key)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())

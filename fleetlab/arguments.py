"""Several functions with the same arguments, declared once."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["with_arguments_of"]

P = ParamSpec("P")
T = TypeVar("T")


def with_arguments_of(
    model: Callable[P, Any],
) -> Callable[[Callable[[dict[str, Any]], T]], Callable[P, T]]:
    """Give a function the signature of another, and the arguments of a call in one dict.

    Parameters
    ----------
    model : callable
        Whose signature, defaults included, the decorated function shows and checks.
    """
    signature = inspect.signature(model)

    def decorate(function: Callable[[dict[str, Any]], T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                wrong = TypeError(str(error))
            else:
                bound.apply_defaults()
                arguments = bound.arguments
                del args, kwargs, bound  # secrets: whoever takes them out finds them in one place
                return function(arguments)
            del args, kwargs
            raise wrong

        call.__signature__ = signature.replace(  # type: ignore[attr-defined]
            return_annotation=inspect.signature(function).return_annotation
        )
        return call

    return decorate

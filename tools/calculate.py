"""`calculate`: arithmetic, and nothing but arithmetic."""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Mapping
from typing import Any, Final

from simpleeval import InvalidExpression, SimpleEval  # type: ignore[import-untyped]

from tandem.tools.base import Tool, ToolArgumentError, parameters

MAX_CHARS: Final = 200
MAX_WRITTEN: Final = 2 * MAX_CHARS
"""Before thousands separators and the like are taken out."""
MAX_BITS: Final = 1024
"""Largest size of a power; also keeps the longest expression's products small."""
NAMES: Final = {"pi": math.pi, "e": math.e}

_THOUSANDS: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_CURRENCY: Final = re.compile(r"[$€£]\s*(?=[\d.(])")
_TIMES: Final = re.compile(r"(?<=[\d)])\s*[x\u00d7\u00b7]\s*(?=[\d(.])")
_PERCENT_OF: Final = re.compile(r"(\d+(?:\.\d+)?|\))\s*%\s*of\b", re.IGNORECASE)
# A percent sign before an operand is the remainder (10 % 3); any other one is per cent.
_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?|\))\s*%(?!\s*[\d(.pe])")
# Possessive: nothing is tried again, or a number of thirty digits would take hours.
_ALLOWED: Final = re.compile(r"(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|pi|e|[-+*/%()]|\s)++")


def calculate(expression: str) -> int | float:
    """The value of an arithmetic expression.

    Knows + - * / // % ** ^ ( ), `pi`, `e`, thousands separators (1,250), currency signs and per
    cent (`15% of 80`, `80 * 15%`; `10 % 3` is the remainder). Floats are rounded to 12 significant
    digits, so that 0.1 + 0.2 is 0.3.

    Raises
    ------
    ToolArgumentError: it is no arithmetic, divides by zero, or gets too large.
    """
    text = _normalised(expression[: MAX_WRITTEN + 1])
    if len(text) > MAX_CHARS or len(expression) > MAX_WRITTEN:
        raise ToolArgumentError(f"calculate: the expression is longer than {MAX_CHARS} characters.")
    if not text or not _ALLOWED.fullmatch(text):
        raise ToolArgumentError(
            "calculate: only numbers, + - * / // % ** ( ), pi and e are allowed in an expression."
        )
    return _plain(_evaluated(text))


def _normalised(expression: str) -> str:
    text = expression.strip().rstrip("=").translate(str.maketrans("\u2212\u2013\u00f7", "--/"))
    text = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    text = _TIMES.sub(" * ", _CURRENCY.sub("", text))
    text = _PERCENT_OF.sub(r"\1/100*", text)
    return _PERCENT.sub(r"\1/100", text).replace("^", "**").strip()


def _evaluated(text: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _evaluator().eval(text)
    except ZeroDivisionError:
        raise ToolArgumentError("calculate: the expression divides by zero.") from None
    except OverflowError:
        raise ToolArgumentError("calculate: the numbers get too large.") from None
    except (
        SyntaxError,
        TypeError,
        ValueError,
        RecursionError,
        MemoryError,
        InvalidExpression,
    ):
        raise ToolArgumentError("calculate: this is no complete arithmetic expression.") from None


def _evaluator() -> Any:
    evaluator = SimpleEval(
        operators={
            ast.Add: operator.add,
            ast.Sub: operator.sub,
            ast.Mult: operator.mul,
            ast.Div: operator.truediv,
            ast.FloorDiv: operator.floordiv,
            ast.Mod: operator.mod,
            ast.Pow: _power,
            ast.USub: operator.neg,
            ast.UAdd: operator.pos,
        },
        functions={},
        names=dict(NAMES),
    )
    kept = (ast.Expr, ast.BinOp, ast.UnaryOp, ast.Constant, ast.Name)
    evaluator.nodes = {kind: evaluator.nodes[kind] for kind in kept}
    return evaluator


def _power(base: float, exponent: float) -> Any:
    if base not in {0, 1, -1} and abs(exponent) * abs(math.log2(abs(base))) > MAX_BITS:
        raise OverflowError
    return base**exponent


def _plain(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ToolArgumentError("calculate: the result is no real number.")
    if abs(value) > 1e300 or math.isnan(value):
        raise ToolArgumentError("calculate: the numbers get too large.")
    if isinstance(value, int):
        return value
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _run(arguments: Mapping[str, Any]) -> int | float:
    return calculate(arguments["expression"])


def calculate_tool() -> Tool:
    """The tool `calculate(expression)`: its result is a number."""
    return Tool(
        name="calculate",
        description="computes an arithmetic expression, e.g. (120 + 30) * 4 / 3; gives a number",
        parameters=parameters({"expression": {"type": "string", "minLength": 1}}),
        run=_run,
    )

"""What an object costs a month, from list prices: an estimate that leaves out what is paid by use.

Left out: traffic, requests, files and logs as they are stored, licences of Octopus. Prices are those of one region per
cloud (their `region`), each with source and date in the data files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cellctl import facts
from cellctl.facts.conditions import at
from cellctl.facts.model import CostLine, Price
from cellctl.state.values import Value

HOURS = 730.0
"""Hours of a month, as the clouds' own calculators count them."""
_PER_MONTH = {"USD/hour": HOURS, "USD/month": 1.0, "USD/GiB/month": 1.0}
_PATH = re.compile(r"\{([^{}]+)\}")


def monthly_usd(token: str, inputs: Mapping[str, Value]) -> float:
    """Return what an object of a type costs a month in USD; 0 where nothing is known.

    `inputs` may lack what is known after apply only; what depends on it counts nothing.
    """
    known = facts.of(token)
    return sum(_line(token, line, dict(inputs)) for line in known.costs) if known else 0.0


def price_of(token: str, line: CostLine, inputs: Mapping[str, Value]) -> Price | None:
    """Return the price that a line means for an object, None where the data files have none."""
    values = dict(inputs)
    key = _PATH.sub(lambda found: str(at(values, found[1])), line.price)
    return facts.price(facts.place_of(token)[0], key)


def _line(token: str, line: CostLine, inputs: dict[str, Value]) -> float:
    price = price_of(token, line, inputs) if line.when.holds(inputs) else None
    return price.amount * _PER_MONTH[price.unit] * _times(line, inputs) / line.per if price else 0.0


def _times(line: CostLine, inputs: dict[str, Value]) -> float:
    if not isinstance(line.times, str):
        return line.times
    found = at(inputs, line.times)
    if isinstance(found, list):
        return len(found)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0.0


def table() -> str:
    """Return every price as a Markdown table."""
    rows = ["| price | amount | region | source |", "|---|---|---|---|"]
    for cloud in sorted(set(facts.CLOUD_OF_PACKAGE.values())):
        for service in (facts.service(cloud, name) for name in facts.services(cloud)):
            for key, price in service.prices.items():
                source = service.sources[price.source]
                told = f"{source.what} ({source.date})"
                rows.append(f"| `{key}` | {price.amount:g} {price.unit} | {price.region} | {told} |")
    return "\n".join(rows)

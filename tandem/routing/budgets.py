"""Whether a tenant's day, or everybody's, is paid up."""

from __future__ import annotations

from collections.abc import Mapping

from tandem.settings import Budgets


def spent(budgets: Budgets, tenant: str, spend: Mapping[str, float], currency: str) -> str:
    """The budget that is used up, in words and numbers; empty where none is.

    Parameters
    ----------
    spend: today's costs by tenant.
    """
    own = budgets.tenants.get(tenant, budgets.tenant_per_day)
    whose = f"of tenant {tenant!r}" if tenant else "of requests without a tenant"
    for amount, limit, name in (
        (spend.get(tenant, 0.0), own, whose),
        (sum(spend.values()), budgets.per_day, "of all tenants"),
    ):
        if amount >= limit:
            return (
                f"today's budget {name} is spent: {amount:.6f} of {limit:.6f} {currency} (UTC day)"
            )
    return ""

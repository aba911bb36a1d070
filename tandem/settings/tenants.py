"""Whose data is whose: what a tenant has of its own."""

from __future__ import annotations

from pydantic import model_validator

from tandem.settings.base import Section


class Tenant(Section):
    """One tenant. Where tenants are declared, a request that names another is refused."""

    shared: bool = False
    """The common knowledge index, tables and caches are this tenant's as well."""
    folder: str = ""
    """Its own knowledge: Markdown, text and PDF files (`tandem index build --tenant NAME`)."""
    index_dir: str = ""
    """Where its own index lies; none of the others' is searched for it."""

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Tenant:
        if self.shared and (self.folder or self.index_dir):
            raise ValueError("shared = true is the common knowledge: leave folder, index_dir out")
        if self.folder and not self.index_dir:
            raise ValueError("folder needs an index_dir")
        return self

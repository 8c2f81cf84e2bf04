"""Accounts as CSV."""

from __future__ import annotations

from posthouse.database.contract import Transaction
from posthouse.directory import admin, details, listing
from posthouse.directory.contract import Account
from posthouse.directory.details import Person
from posthouse.manage.accounts_csv import COLUMNS
from posthouse.manage.csv_text import Csv, ExportOf, write_table
from posthouse.manage.reach import MAX_PAGE, within
from posthouse.manage.use import Call, narrows, use

_NAMES = tuple(name for name in COLUMNS if name != "password")


@use("account.export", right="view", open_to="domain", about=narrows)
async def export(call: Call, wanted: ExportOf) -> Csv:
    """Write the accounts, of one domain or of all, as CSV with the columns that account.import reads. Passwords cannot
    be read back: add a column for them before such a file is imported elsewhere."""
    domains = within(call, "account.export", wanted.domain)

    def op(tx: Transaction) -> Csv:
        if wanted.domain is not None:
            admin.find_domain(tx, wanted.domain)
        rows: list[tuple[str, ...]] = []
        after = ""
        while True:
            page = listing.page_accounts(tx, domains, "", after, MAX_PAGE)
            people = details.of(tx, [each.id for each in page.rows])
            rows += [_row(each, people[each.id]) for each in page.rows]
            if len(page.rows) < MAX_PAGE:
                return Csv(write_table(_NAMES, rows))
            after = page.rows[-1].address

    return await call.context.database.scan(op)


def _row(account: Account, person: Person) -> tuple[str, ...]:
    known = person.details
    return (
        account.address,
        str(account.quota) if account.quota else "none",
        known.first_name,
        known.last_name,
        known.display_name,
        known.language,
        known.time_zone,
        known.note,
        str(known.max_message) if known.max_message else "none",
        known.protocols.replace(",", " "),
        known.networks.replace(",", " "),
        "yes" if account.active else "no",
        " ".join(person.addresses),
    )

"""What the tap assumes of Codat where `codat-commerce check` can look, and what it does where that does not hold."""

from __future__ import annotations

KEY, QUOTA, COMPRESSED = "the key is accepted", "answers tell the day's quota", "answers come compressed"
OWN_PATH = "answers name their own path"
TAGS, COMPANY_QUERY, COMPANY_ORDER = "companies: tags", "companies: query", "companies: orderBy"
NO_FIELD = "companies: a query that no field fits is refused"
STATUS, READABLE = "companies: data status", "data set: it can be read"
SIZE, TOTALS, LINKS = "data set: page size 5000", "data set: totals", "data set: next links until the last page"
QUERY, DATE_ORDER, ID_ORDER = "data set: query", "data set: orderBy=modifiedDate", "data set: orderBy=id"
HISTORY_QUERY, HISTORY_ORDER, SYNC_IDS = "history: query", "history: orderBy", "history: each sync has an id of its own"

FAILS = "the data set counts as failed, its bookmark stays, and the run ends non-zero"
OTHERWISE = {
    KEY: "nothing can be read",
    QUOTA: "the summary of a run does not tell what is left of it",
    COMPRESSED: "they take longer; nothing else changes",
    OWN_PATH: "where something on the way mixes answers up, records of one shop or data set may come as those of "
    "another, and nothing tells but a total that does not fit",
    TAGS: "where Codat refuses them, a run with `company_tags` ends with Codat's words, and reads nothing; where it "
    "ignores them, a run reads companies that were not asked for",
    COMPANY_QUERY: "where Codat refuses it, a run with `company_ids` reads the whole list and looks for them there, "
    "and one with `company_query` ends with Codat's words, and reads nothing; where it ignores it, a run with "
    "`company_query` reads companies that were not asked for",
    NO_FIELD: "what Codat makes of a `company_query` over a misspelt field of `dataConnections` is read, and nothing "
    "tells; other fields that companies do not have are refused by the tap itself",
    COMPANY_ORDER: "nothing changes, unless companies join in the middle of a list of several pages during each of "
    "three reads: then the run goes on, says that some may be missing, and ends non-zero",
    STATUS: "the company's data sets count as failed, their bookmarks stay, and the run ends non-zero",
    READABLE: f"{FAILS}; others are read, unless Codat answers 402",
    SIZE: "where Codat refuses it, a run with `page_size: 5000` ends with Codat's words, and reads nothing; where "
    "smaller pages come, lists are read in pages of that size, and the run says so",
    TOTALS: f"where the pages hold more or less than the total, {FAILS}; where they end at the total and there are "
    "more records, these are missed, and nothing tells",
    LINKS: "pages are counted by the total; of locations, which are read by links, it tells that some are missing: "
    + FAILS,
    QUERY: f"where Codat refuses it, {FAILS}; where it finds nothing, data sets are read whole, and the run says so, "
    "but not with a `start_date`; what it leaves out otherwise is missed, and nothing tells: set "
    "`forced-replication-method` to `FULL_TABLE` in the catalog, and each sync is read whole",
    DATE_ORDER: f"nothing changes while `orderBy=id` is taken; without both, {FAILS}",
    ID_ORDER: "where Codat answers 400, data sets are read by `modifiedDate`, and the run says so; after any other "
    f"refusal {FAILS}; an order that is taken and not kept is seen by the totals if records slip from page to page",
    HISTORY_QUERY: "`codat-commerce refresh` looks for the syncs that it waits for among the latest 1,000 of the "
    "company",
    HISTORY_ORDER: "what has changed is read whole; of a company with several shops every data set is read each time; "
    "after another refusal than 400, 403 or 404 they count as failed, and 402 ends the run; `codat-commerce refresh` "
    "looks for its syncs among the first 1,000 that come",
    SYNC_IDS: "a new sync is told by its end, `lastSuccessfulSync`",
}
"""Each assumption, in the order of the report; and what the tap does where it does not hold."""

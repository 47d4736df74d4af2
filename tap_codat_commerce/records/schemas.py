"""The schema of each stream's records, as JSON Schema.

Fields and their names come from Codat's OpenAPI descriptions; some more, marked 'undeclared', from real answers.
Enumerated values are not constrained, as Codat adds some. A type is left open only where Codat holds free content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_codat_commerce.records.fields import (
    anything,
    date,
    decimal,
    flag,
    group,
    integer,
    properties,
    record,
    reference,
    rows,
    text,
    texts,
    texts_by_name,
    typed_reference,
)

if TYPE_CHECKING:
    from tap_codat_commerce.records.fields import Field, Schema

COMPANY_ID = text("companyId", "Id of the company in Codat.", key=True)
CONNECTION_ID = text("connectionId", "Id of the connection in Codat.", key=True)
ID = text("id", "Id on the shop's platform: unique only within the connection.", key=True)
CREATED = date("createdDate", "When the record was made on the platform.")
MODIFIED = date("modifiedDate", "When Codat's cache last changed the record: one stamp may cover a whole sync.")
SOURCE_MODIFIED = date("sourceModifiedDate", "When the platform last changed the record.")
CURRENCY = text("currency", "Currency, as ISO 4217 code.")
SUPPLEMENTAL = group(
    "supplementalData",
    "More of the platform's own data, where the Codat account is set up for it.",
    anything("content", "By the names that the account gave them."),
)
ADDRESS = (
    text("type", "What it is used for.", "Billing", "Delivery", "Order", "Inventory", "Unknown"),
    text("line1", "First line."),
    text("line2", "Second line."),
    text("city", "City, or third line."),
    text("region", "Region, or fourth line."),
    text("country", "Country, as the platform writes it."),
    text("postalCode", "Postal code."),
)


def keyed(*fields: Field) -> Schema:
    """Return the schema of a data set whose records have an id."""
    return record(COMPANY_ID, CONNECTION_ID, ID, *fields)


def taxes(of: str) -> Field:
    """Return the breakdown of taxes on an order line or a service charge."""
    return rows(
        "taxes",
        f"Taxes on the {of}, one by one.",
        reference("taxComponentRef", "tax component"),
        decimal("rate", "Amount of this tax."),
        decimal("taxAmount", f"Amount of this tax on the {of} (undeclared by Codat, seen in answers)."),
    )


def with_unmapped(schema: Schema) -> Schema:
    """Return the schema with an object `unmapped`, for the fields that it does not know."""
    unmapped = anything("unmapped", "Fields that this schema does not know, as they came, by their path.")
    return {**schema, "properties": {**schema["properties"], **properties(unmapped)}}


PAYMENT = (
    decimal("amount", "Amount paid, gratuity included."),
    CURRENCY,
    text(
        "type",
        "How it was paid (undeclared by Codat on payments, seen in answers).",
        *("Cash", "Card", "Invoice", "OnlineCard", "Swish", "Vipps", "Mobile", "StoreCredit", "Paypal", "Custom"),
        *("Prepaid", "Unknown"),
    ),
    text("status", "Status.", "Pending", "Authorized", "Paid", "Failed", "Cancelled", "Unknown"),
    text("paymentProvider", "Who processed it."),
    date("dueDate", "When it is due."),
    CREATED,
    MODIFIED,
    SOURCE_MODIFIED,
)

COMPANY_REFERENCE = (
    text("id", "Id of the company in Codat."),
    text("name", "Name of the company."),
    text("description", "What else was noted about it."),
    group("links", "Links for the company.", text("portal", "Its page in the Codat Portal.")),
    texts_by_name("tags", "Tags, by name."),
)

COMPANIES = record(
    text("id", "Id of the company in Codat.", key=True),
    text("name", "Name of the company."),
    text("description", "What else was noted about it."),
    text("platform", "Platform, in older answers (undeclared by Codat, seen in answers)."),
    text("redirect", "Link that the company opens to connect its shops."),
    date("lastSync", "Seems to be when Codat last fetched anything for the company; Codat does not say."),
    date("created", "When the company was added to Codat."),
    text("createdByUserName", "Who added it."),
    texts("products", "Codat products in use."),
    texts("ownerUserIds", "Ids of the users who own it in Codat."),
    texts_by_name("tags", "Tags, by name."),
    group("referenceParentCompany", "The company that this one belongs to.", *COMPANY_REFERENCE),
    rows("referenceSubsidiaryCompanies", "The companies that belong to this one.", *COMPANY_REFERENCE),
)

CONNECTIONS = record(
    COMPANY_ID,
    text("id", "Id of the connection in Codat.", key=True),
    text("integrationId", "Id of the integration in Codat."),
    text("integrationKey", "Platform, as Codat's four-letter key; may be missing."),
    text("sourceId", "Id of the source: one platform may have several."),
    text(
        "sourceType",
        "Kind of platform, of which only Commerce has data sets here.",
        *("Accounting", "Banking", "BankFeed", "Commerce", "Expense", "Other", "Unknown"),
    ),
    text("platformName", "Platform, by name."),
    text("linkUrl", "Link that the merchant opens to authorise, or to authorise again."),
    text("status", "Status.", "Linked", "PendingAuth", "Deauthorized", "Unlinked"),
    date("lastSync", "Seems to be when Codat last fetched anything over it; Codat does not say."),
    date("created", "When it was made."),
    rows(
        "dataConnectionErrors",
        "Errors that the platform answered with.",
        text("statusCode", "Status code of the platform's answer."),
        text("statusText", "The platform's own status."),
        text("errorMessage", "What Codat says of it."),
        date("erroredOnUtc", "When it happened."),
        text("status", "Whether it is still so.", "Active", "Resolved"),
        date("resolvedOnUtc", "When it was resolved."),
    ),
    anything("connectionInfo", "What the platform tells of the connection."),
)

DATA_STATUS = record(
    COMPANY_ID,
    text("dataType", "Data type, by Codat's key, for example commerce-orders.", key=True),
    text("currentStatus", "Status of its latest sync; null if there never was one."),
    date("lastSuccessfulSync", "When the data was last fetched completely: how fresh it is."),
    text("latestSyncId", "Id of the latest sync."),
    text("latestSuccessfulSyncId", "Id of the latest good sync."),
)

READS = record(
    COMPANY_ID,
    CONNECTION_ID,
    text("dataType", "Data type, by Codat's key, for example commerce-orders.", key=True),
    date("startedAt", "When the read began, by the clock of the machine that ran the tap.", key=True),
    date("endedAt", "When it was proven complete, by the same clock."),
    text("syncId", "Id of the good sync that was read; null if it is not known for the connection."),
    date("syncedAt", "When that sync ended."),
    flag("full", "Whether the whole data set was read, not only what was modified since the bookmark."),
    integer("records", "Different records that came. One that Codat holds twice counts once, as it is one row."),
    integer("total", "Records that the data set has; null if only a part was asked for."),
    flag("arrived", "Whether the target has kept all of its records. The row comes again with true, in the next run."),
)

CUSTOMERS = keyed(
    text("customerName", "Name."),
    text("emailAddress", "Email address."),
    text("phone", "Phone number."),
    text("defaultCurrency", "Currency of the customer's orders, as ISO 4217 code."),
    rows("addresses", "Addresses.", *ADDRESS),
    text("note", "Notes."),
    CREATED,
    MODIFIED,
    SOURCE_MODIFIED,
)

DISPUTES = keyed(
    rows("disputedTransactions", "What the dispute is about.", *typed_reference()),
    decimal("totalAmount", "Amount in dispute."),
    CURRENCY,
    text(
        "status",
        "Status.",
        *("Won", "Lost", "Accepted", "Processing", "ChargeRefunded", "EvidenceRequired", "InquiryEvidenceRequired"),
        *("InquiryProcessing", "InquiryClosed", "WaitingThirdParty", "Unknown"),
    ),
    text("reason", "Reason given."),
    date("dueDate", "When the next step is due."),
    CREATED,
    MODIFIED,
    SOURCE_MODIFIED,
)

COMPANY_INFO = record(
    COMPANY_ID,
    CONNECTION_ID,
    text("companyName", "Name of the shop."),
    text("commercePlatformRef", "Id of the shop on its platform."),
    text("companyLegalName", "Legal name."),
    rows("addresses", "Addresses.", *ADDRESS),
    rows(
        "phoneNumbers",
        "Phone numbers.",
        text("number", "The number."),
        text("type", "What it is.", "Primary", "Landline", "Mobile", "Fax", "Unknown"),
    ),
    rows(
        "webLinks",
        "Web sites.",
        text("type", "What it is.", "Website", "Social", "Unknown"),
        text("url", "The address."),
    ),
    text("registrationNumber", "Registration number."),
    text("baseCurrency", "Currency of the shop, as ISO 4217 code."),
    rows(
        "accountBalances",
        "Balances of the shop's accounts on the platform.",
        decimal("available", "May be paid out now."),
        decimal("pending", "Not yet available."),
        decimal("reserved", "Held back."),
        CURRENCY,
    ),
    texts_by_name("sourceUrls", "Addresses on the platform, by what they lead to."),
    CREATED,
    MODIFIED,
    SOURCE_MODIFIED,
)

LOCATIONS = keyed(
    text("name", "Name."),
    group("address", "Address.", *ADDRESS),
    MODIFIED,
    SOURCE_MODIFIED,
)

ORDER_LINE = (
    text("id", "Id of the line."),
    decimal("quantity", "Units sold; negative for refunds."),
    decimal("taxPercentage", "Rate of tax on the unit price, 0 to 100."),
    decimal("totalAmount", "Amount of the line, discounts and tax included."),
    decimal("totalTaxAmount", "Tax on the line, after discounts."),
    decimal("unitPrice", "Price of one unit, before discounts and tax."),
    taxes("line"),
    reference("productRef", "product"),
    reference("productVariantRef", "product variant"),
    rows(
        "discountAllocations",
        "Discounts on the line.",
        text("name", "Name of the discount."),
        decimal("totalAmount", "Amount taken off, before tax."),
    ),
)

SERVICE_CHARGE = (
    text("description", "What is charged for."),
    decimal("totalAmount", "Amount, tax included."),
    decimal("taxPercentage", "Rate of tax, 0 to 100."),
    decimal("taxAmount", "Amount of tax."),
    taxes("charge"),
    decimal("quantity", "How many times it is charged."),
    text("type", "What it is.", "Generic", "Shipping", "Overpayment", "Unknown"),
)

ORDERS = keyed(
    text("orderNumber", "The number that people use."),
    text("country", "Country, as the platform writes it."),
    CURRENCY,
    date("closedDate", "When it was shipped, paid and done with."),
    decimal("totalAmount", "Amount, discounts, refunds and tax included, gratuity not."),
    decimal("totalRefund", "Amount refunded."),
    decimal("totalTaxAmount", "Amount of tax."),
    decimal("totalDiscount", "Amount of discounts, before tax."),
    decimal("totalGratuity", "Amount of gratuity."),
    rows("orderLineItems", "Lines.", *ORDER_LINE),
    rows("payments", "Payments for the order.", text("id", "Id of the payment."), *PAYMENT),
    rows("serviceCharges", "Shipping and other charges.", *SERVICE_CHARGE),
    reference("locationRef", "location"),
    reference("customerRef", "customer"),
    SUPPLEMENTAL,
    CREATED,
    MODIFIED,
    SOURCE_MODIFIED,
)

PAYMENTS = keyed(reference("paymentMethodRef", "payment method"), *PAYMENT, SUPPLEMENTAL)

PAYMENT_METHODS = keyed(
    text("name", "Name."),
    text("status", "Status.", "Active", "Archived", "Unknown"),
    MODIFIED,
    SOURCE_MODIFIED,
)

VARIANT = (
    text("id", "Id of the variant."),
    text("name", "Name."),
    decimal("quantity", "Units in stock (undeclared by Codat, seen in answers)."),
    flag("isTaxEnabled", "Whether sales tax is charged."),
    text("sku", "The merchant's own stock number."),
    text("barcode", "Barcode, UPC or ISBN."),
    text("unitOfMeasure", "Unit, for example kg."),
    decimal("vatPercentage", "Rate of VAT, 0 to 100."),
    rows("prices", "Prices, one per currency.", CURRENCY, decimal("unitPrice", "Price of one unit.")),
    group(
        "inventory",
        "What is in stock.",
        decimal("totalQuantity", "Units over all locations."),
        rows(
            "locations",
            "What is in stock where.",
            decimal("quantity", "Units at this location."),
            reference("locationRef", "location"),
        ),
    ),
    flag("shippingRequired", "Whether it has to be shipped."),
    text("status", "Status.", "Published", "Unpublished", "Unknown"),
    CREATED,
    MODIFIED,
    SOURCE_MODIFIED,
)

PRODUCTS = keyed(
    text("name", "Name."),
    text("description", "Description."),
    text("categorization", "Category, as the merchant writes it."),
    rows(
        "productCategoryRefs",
        "Its categories (undeclared by Codat, seen in answers).",
        text("id", "Id of the product category."),
        text("name", "Name of the product category."),
    ),
    flag("isGiftCard", "Whether it is a gift card."),
    text("status", "Status, for example Published (undeclared by Codat, seen in answers)."),
    rows("variants", "Variants.", *VARIANT),
    SUPPLEMENTAL,
    CREATED,  # these three: undeclared by Codat, seen in answers
    MODIFIED,
    SOURCE_MODIFIED,
)

PRODUCT_CATEGORIES = keyed(
    text("name", "Name."),
    rows(
        "ancestorRefs",
        "The categories above it, the nearest last.",
        text("id", "Id of the product category."),
        text("type", "What kind of record it is."),
        text("name", "Its name."),
    ),
    flag("hasChildren", "Whether there are categories below it."),
    MODIFIED,
    SOURCE_MODIFIED,
)

TAX_COMPONENTS = keyed(
    text("name", "Name."),
    decimal("rate", "Rate, as a fraction of the net price."),
    flag("isCompound", "Whether it is charged on top of other taxes."),
    MODIFIED,
    SOURCE_MODIFIED,
)

TRANSACTIONS = keyed(
    decimal("totalAmount", "Amount; negative for fees and refunds."),
    CURRENCY,
    text(
        "type",
        "What it is.",
        *("Payment", "Refund", "Payout", "FailedPayout", "Transfer", "PaymentFee", "PaymentFeeRefund", "Unknown"),
    ),
    text("subType", "The platform's own word for it."),
    group("transactionSourceRef", "What it arose from.", *typed_reference()),
    SUPPLEMENTAL,
    date("sourceCreatedDate", "When the platform made it."),
    CREATED,
    MODIFIED,
    SOURCE_MODIFIED,
)

"""Small raw tables with events on the edges of windows."""

from datetime import datetime

import numpy as np
import pandas as pd

GRID_START = datetime(2017, 2, 27)
CATEGORIES = 130


def raw_tables(seed: int) -> dict[str, pd.DataFrame]:
    """The six raw tables for some dozens of households over a quarter of a year and a bit."""
    generator = np.random.default_rng(seed)
    return {
        "transactions": _transactions(generator),
        "products": _products(),
        "demographics": _demographics(),
        "campaigns": pd.DataFrame({"campaign_id": [1, 1, 2], "household_id": [1, 2, 1]}),
        "campaign_descriptions": pd.DataFrame(
            {
                "campaign_id": [1, 2],
                "campaign_type": ["Type A", "Type B"],
                "start_date": pd.to_datetime(["2017-03-03", "2017-04-01"]).astype("datetime64[us]"),
                "end_date": pd.to_datetime(["2017-04-03", "2017-05-01"]).astype("datetime64[us]"),
            }
        ),
        "coupon_redemptions": pd.DataFrame(
            {
                "household_id": [1, 2],
                "coupon_upc": [51380041013, 51380041313],
                "campaign_id": [1, 1],
                "redemption_date": pd.to_datetime(["2017-03-04", "2017-03-05"]).astype("datetime64[us]"),
            }
        ),
    }


def _transactions(generator: np.random.Generator) -> pd.DataFrame:
    """Baskets at random moments, a third of them at midnight on a Monday or a second before it."""
    rows, days = 700, 140
    start = pd.Timestamp("2017-01-02")
    seconds = generator.integers(0, days * 86400, rows)
    week = 7 * 86400
    edge = generator.integers(0, 6, rows)
    seconds = np.where(edge == 0, seconds // week * week, seconds)
    seconds = np.where(edge == 1, seconds // week * week + week - 1, seconds)
    baskets = pd.DataFrame(
        {
            # Squared, so that some households come often and some leave.
            "household_id": (generator.random(rows) ** 2 * 40).astype("int64") + 1,
            "store_id": generator.integers(1, 5, rows),
            "basket_id": np.arange(rows) + 31_198_570_044,
            "transaction_timestamp": (start + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us]"),
        }
    )
    lines = baskets.loc[baskets.index.repeat(3)].reset_index(drop=True)
    offset = generator.integers(0, 160, rows).repeat(3)
    lines["product_id"] = 1000 + (offset + np.tile([0, 7, 31], rows)) % 160
    lines["quantity"] = generator.integers(0, 4, len(lines))
    lines["sales_value"] = generator.integers(0, 2000, len(lines)) / 100
    for name in ("retail_disc", "coupon_disc", "coupon_match_disc"):
        lines[name] = 0.0
    lines["week"] = 1
    return lines


def _products() -> pd.DataFrame:
    """A dozen products stay unlisted and some have no category."""
    number = np.arange(148)
    category = [None if n % 29 == 0 else f"category {n % CATEGORIES}" for n in number]
    return pd.DataFrame(
        {
            "product_id": 1000 + number,
            "manufacturer_id": number % 9,
            "department": "GROCERY",
            "brand": "National",
            "product_category": category,
            "product_type": "TYPE",
            "package_size": None,
        }
    )


def _demographics() -> pd.DataFrame:
    income = ["Under 15K", "15-24K", "25-34K", "35-49K", "50-74K", "75-99K", "250K+"]
    return pd.DataFrame(
        {
            "household_id": np.arange(1, 22),
            "age": "45-54",
            "income": [income[n % len(income)] for n in range(21)],
            "home_ownership": None,
            "marital_status": "Married",
            "household_size": "2",
            "household_comp": "2 Adults No Kids",
            "kids_count": "0",
        }
    )

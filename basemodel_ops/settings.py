"""Settings of a project, from `BASEMODEL_*` environment variables. Few dials; the rest is derived."""

import os
import warnings
from pathlib import Path
from typing import Self

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from basemodel_ops.adapters import ADAPTERS, AdapterName
from basemodel_ops.errors import SettingsError
from basemodel_ops.memory import machine_bytes, size_of

SIZE = r"(?i:\d+(\.\d+)?\s*[KMGT]i?B)"
"""A size of memory, such as 256MB; see `memory.size_of`."""

OLD_VARIABLES = {"BASEMODEL_THINGS": "BASEMODEL_TOP_ITEMS"}
"""Variables under their names before; they stay readable for one release."""


class Settings(BaseSettings):
    """Where things live and how large the model is."""

    model_config = SettingsConfigDict(env_prefix="BASEMODEL_", frozen=True, extra="ignore", populate_by_name=True)

    dbt_project_dir: Path = Field(default=Path("dbt"), description="The dbt project that carries the contract.")
    home: Path = Field(default=Path(".basemodel"), description="Embedded warehouse, artifacts and reports.")
    target: str = Field(
        default="duckdb", min_length=1, description="The dbt target, of any name; the profile's own if not given."
    )
    adapter: AdapterName | None = Field(
        default=None, description="Kind of warehouse of the target; read from its `type` in profiles.yml if not given."
    )
    dbt_vars: str = Field(default="", description="dbt's `--vars`, as YAML or JSON.")
    answers_schema: str = Field(
        default="basemodel", min_length=1,
        description="Schema of answers and ledger, of one target's own; `{target}` in it is the target's name.",
    )  # fmt: skip
    owner: str = Field(default="", description="dbt project and target that answers belong to; found, not given.")
    duckdb_path: str = Field(default="", description="The DuckDB file; found in the profile if not given.")
    artifacts: str = Field(default="", description="fsspec root of artifacts; `<home>/artifacts` when empty.")
    seed: int = Field(default=0, ge=0, description="Seed of everything random.")
    duckdb_memory: str = Field(
        default="256MB", pattern=rf"^{SIZE}$", description="What DuckDB may keep in memory; it spills what is more."
    )
    batch_rows: int = Field(default=131_072, gt=0, description="Rows in one streamed Arrow batch.")

    dimension: int = Field(default=64, gt=0, description="Length of a Cleora vector.")
    iterations: int = Field(default=8, gt=0, description="Cleora iterations, whitened each.")
    depth: int = Field(default=8, gt=0, description="Density rows of a sketch.")
    width: int = Field(default=128, gt=1, description="Cells in a sketch row; a power of two.")
    half_lives: tuple[float, ...] = Field(default=(28.0, 365.0), description="Half-lives of sketches, in days.")
    count_half_lives: tuple[float, ...] = Field(
        default=(7.0, 28.0, 91.0, 365.0), description="Half-lives of the counts of sessions with an item, in days."
    )
    windows: tuple[int, ...] = Field(default=(7, 14, 28, 56, 112, 365), description="Windows of scalars, in days.")
    horizons: tuple[int, ...] = Field(default=(1, 3, 7, 14, 28, 56), description="Pretraining horizons, in days.")
    validation_cutoffs: int = Field(
        default=2, gt=0, description="Complete cutoffs by which heads are chosen, at least; of a long grid one in 200."
    )
    test_cutoffs: int = Field(
        default=4, gt=0, description="The last complete cutoffs, which test, at least; of a long grid one in 100."
    )
    top_items: int = Field(
        default=128, gt=0, validation_alias=AliasChoices("BASEMODEL_TOP_ITEMS", "BASEMODEL_THINGS"),
        description="Most frequent values of a category kept exactly.",
    )  # fmt: skip
    image_architecture: str = Field(
        default="", description="A timm model that reads images; empty: hashes and colours."
    )
    image_weights: str = Field(default="", description="Its weights, a safetensors file of yours.")
    hidden: int = Field(default=128, gt=0, description="Hidden units of the foundation network.")
    epochs: int = Field(default=1, gt=0, description="Passes of pretraining over its rows.")
    pretraining_rows: int = Field(default=64_000, gt=0, description="Rows the network of items learns from, at most.")
    activity_rows: int = Field(default=100_000, gt=0, description="Rows the learners of activity learn from, at most.")

    task_rows: int = Field(default=120_000, gt=0, description="Labelled rows that a task learns from, at most.")
    evaluation_rows: int = Field(
        default=40_000,
        gt=0,
        description="Rows by which a task is validated, and as many by which it is tested, at most.",
    )
    embedding_events: int = Field(
        default=20_000_000,
        gt=0,
        description="Events of a source that vectors and relations of items come from, at most.",
    )
    row_numbers: int = Field(default=16_000, gt=0, description="Numbers in a row of the representation, at most.")
    memory: str = Field(
        default="", pattern=rf"^({SIZE})?$",
        description="Memory that a run may use, such as `8GB`; 60 % of the machine's or container's when empty.",
    )  # fmt: skip
    compile_ahead: bool = Field(
        default=True, description="Whether the first run of a machine compiles kernels beside dbt."
    )
    lookalikes: int = Field(default=10, gt=0, description="Look-alikes of each entity in `basemodel.lookalikes`.")
    retrain_days: int = Field(default=28, gt=0, description="Days of new data after which a run trains again.")
    keep_sketches: bool = Field(
        default=False, description="Keep what `basemodel query` asks for every week, to answer without the warehouse."
    )

    explained: int = Field(
        default=50, ge=0,
        description="Entities whose scores are explained every week: so many of the highest, and as many of a sample.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _warn_of_old_names(self) -> Self:
        for old, new in OLD_VARIABLES.items():
            if any(name.upper() == old for name in os.environ):
                warnings.warn(f"{old} is now {new}, and is read for this release only.", FutureWarning, stacklevel=2)
        return self

    @property
    def counted_half_lives(self) -> tuple[float, ...]:
        """Half-lives of exact counts, ascending; the longest of the sketches is among them."""
        return tuple(sorted({*self.count_half_lives, max(self.half_lives)}))

    @property
    def memory_bytes(self) -> int:
        """Memory that a run may use, bytes."""
        if not self.memory:
            return int(0.6 * machine_bytes())
        return size_of(self.memory)

    @property
    def warehouse_path(self) -> Path:
        """The embedded DuckDB file."""
        return Path(self.duckdb_path) if self.duckdb_path else self.home / "warehouse.duckdb"

    @property
    def kind(self) -> str:
        """Kind of warehouse: the adapter's type, which a target may be named after.

        Raises:
            SettingsError: neither is given.
        """
        if self.adapter is None and self.target not in ADAPTERS:
            raise SettingsError(
                f"The kind of warehouse of the target {self.target!r} is not known. It may be: {', '.join(ADAPTERS)}. "
                "Set BASEMODEL_ADAPTER to one."
            )
        return self.adapter or self.target

    @property
    def artifact_root(self) -> str:
        """The fsspec root under which artifacts live."""
        # What one target learnt is not another's to answer by.
        current = "artifacts" if self.target in ADAPTERS else f"artifacts-{self.target}"
        return self.artifacts or str(self.home / current)

    @property
    def manifest_path(self) -> Path:
        """dbt's manifest, from which the contract is read."""
        return self.home / "dbt" / self.target / "manifest.json"

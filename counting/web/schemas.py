"""The JSON of requests and answers, as the OpenAPI documentation describes it."""

from typing import Any

from pydantic import BaseModel, Field


class Interval(BaseModel):
    level: float = Field(description="coverage, such as 0.8")
    low: int
    high: int


class Row(BaseModel):
    """The count of one category."""

    image_id: int | str = Field(description="the file's name without its ending, an integer if it is all digits")
    file_name: str
    category_id: int
    category: str
    count: int = Field(description="best guess")
    count_raw: float = Field(description="the sum of the cells' counts, not rounded")
    interval: Interval | None = Field(None, description="null for an uncalibrated counter")
    probability: float | None = Field(None, description="probability of at least one")
    distribution: list[float] | None = Field(None, description="probabilities of the counts 0, 1, 2, …")
    points: list[list[float]] | None = Field(
        None, description="x and y in pixels, and a weight, of every possible object; absent if none are located"
    )
    cells: list[list[float]] | None = Field(None, description="counts of the cells, row by row")


class PhotoCounts(BaseModel):
    """The counts of one photo."""

    image_id: int | str
    file_name: str
    size: list[int] = Field(description="width and height in pixels, after the photo is turned upright")
    counts: dict[str, int] = Field(description="what is probably there, most numerous first")
    text: str = Field(description='"2 dogs, about 3 people (1–5)"')
    rows: list[Row] = Field(description="all categories")


class PhotoRefused(BaseModel):
    """Why one of several photos was not counted."""

    file_name: str
    error: str


class Counts(BaseModel):
    results: list[PhotoCounts | PhotoRefused] = Field(description="one for each photo, in order")


class Answer(BaseModel):
    """The answer to a question, or the reason why counts do not answer it."""

    question: str
    text: str = Field(description="the answer in words, or the reason for none")
    understood: str = Field(description="what is counted; empty if counts do not answer the question")
    reason: str | None = Field(description="why counts do not answer the question")
    count: int | None = Field(description="best guess")
    count_raw: float | None
    answered_by: str | None
    interval: Interval | None
    probability: float | None
    categories: list[str] = Field(description="the categories whose counts were added up")
    uncounted: list[str] = Field(description="categories that the question also names, but this counter lacks")
    cells: list[list[float]] = Field(description="where they are: counts of the cells, row by row")


class Asked(Answer):
    file_name: str


class Questions(BaseModel):
    file_name: str
    questions: list[Answer] = Field(description="most probable first")


class Explained(BaseModel):
    """Where a count comes from (Grad-CAM)."""

    file_name: str
    category: str
    size: list[int] = Field(description="width and height of the photo in pixels")
    score: float = Field(description="the count that is explained: the sum of the cells' raw counts")
    text: str = Field(description="the count in words")
    why_empty: str | None = Field(description="why the map is all zeros; null if it is not")
    map: str = Field(
        description="the evidence, black (none) to white (most): an 8-bit grey PNG in base64, in the shape of the "
        "photo and at most 1024 pixels long"
    )


class Models(BaseModel):
    counter: str = Field(description="the counter that answers here")
    categories: list[str] = Field(description="what it counts")
    limits: dict[str, float] = Field(description="limits of a request")
    models: dict[str, dict[str, Any]] = Field(description="the counters of the package and their cards")


class Error(BaseModel):
    error: str = Field(description="what is wrong and what to do")

"""Label a table from the command line: a prompt for each row, the answer's fields as columns, resumed at will.

Needs `pip install "kilo-gateway[cli]"`.
"""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

from _gateway import a_gateway
from click.testing import CliRunner

from kilo_gateway.cli.batch.options import batch

REVIEWS = ["The night train was on time and quiet.", "The soup was cold.", "Two hours late, and nobody said why."]
SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["positive", "negative"]}, "about": {"type": "string"}},
    "required": ["label", "about"],
    "additionalProperties": False,
}


def main(folder: Path) -> None:
    """Write a table, label it, and begin again where nothing is left to do."""
    source, output = folder / "reviews.csv", folder / "labelled.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([["number", "text"], *enumerate(REVIEWS, 1)])
    # in a shell: kilo-gateway batch reviews.csv labelled.csv --template ... --schema ... --budget 1
    words = [str(source), str(output), "-m", "openai/gpt-5-mini", "--template", "Label this review: {text}"]
    words += ["--schema", json.dumps(SCHEMA), "-o", "max_tokens=100", "--budget", "1", "--price", "0.25,2"]
    for more in ([], ["--resume"]):
        done = CliRunner().invoke(batch, [*words, *more])
        print("exit status", done.exit_code)
    with output.open(newline="") as file:
        for row in csv.DictReader(file):
            print(row["number"], row["label"], "|", row["about"], "|", row["text"])


if __name__ == "__main__":
    with a_gateway(), tempfile.TemporaryDirectory() as folder:
        main(Path(folder))

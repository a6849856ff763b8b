"""`counting evaluate --questions` and `counting fuse`: answers scored, and counts fused with a model's answers."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from asked import CAT, DOG, asking, photo, table

from counting.cli import main
from counting.questions.how_many.evaluation import compare_answers, evaluate_questions, with_counts
from counting.questions.how_many.fusion import Fusion
from counting.questions.how_many.injection import fit_injection, inject
from counting.questions.how_many.model import INJECTION, shipped
from counting.tables.table_files import read_table
from counting_datasets.errors import DataError
from counting_datasets.questions import Question, count_qa, load_cocoqa

Run = Callable[..., tuple[int, str, str]]


class TestInjection:
    def test_only_numbers_of_questions_that_counts_answer_change(self) -> None:
        questions = asking("how many dogs?", "how many windows?", "what color is it?")
        counts = table(*[photo(dog=4)] * 3)
        scores = {
            0: {"two": 0.3, "2": 0.2, "4": 0.25, "many": 0.25},
            1: {"2": 0.7, "4": 0.3},
            2: {"red": 0.9, "2": 0.1},
        }
        found = inject(scores, questions, counts, shipped().fusions[INJECTION])
        assert found.fused == {0}
        assert found.scores[1] == scores[1]
        assert found.scores[2] == scores[2]
        assert found.answers() == {0: "4", 1: "2", 2: "red"}
        fused = found.scores[0]
        assert fused["many"] == 0.25
        assert sum(fused.values()) == pytest.approx(1)
        assert fused["two"] / fused["2"] == pytest.approx(1.5)

    def test_weights_fitted_on_val_trust_whom_they_should(self) -> None:
        rng = np.random.default_rng(0)
        true = rng.integers(1, 9, 300)
        questions = [Question(row, str(row), "how many dogs?", int(answer)) for row, answer in enumerate(true)]
        wrong = (true + rng.integers(1, 4, 300)) % 9
        model = {row: {str(answer): 0.55, str((answer + 4) % 9): 0.45} for row, answer in enumerate(true)}
        counts = table(*[photo(dog=int(count)) for count in wrong])
        ours = fit_injection(model, questions, counts)

        def right(fusion: Fusion) -> float:
            answers = inject(model, questions, counts, fusion).answers()
            return float(np.mean([answers[row] == str(answer) for row, answer in enumerate(true)]))

        assert right(ours) > max(0.9, right(shipped().fusions[INJECTION]))


class TestEvaluation:
    def test_baselines_and_parse_and_count_by_hand(self) -> None:
        questions = asking(
            "how many dogs?", "how many red dogs?", "how many windows?", "how many cats?", answers=[2, 1, 2, 20]
        )
        counts = table(*[photo(dog=2, cat=18)] * 4)
        train = asking("how many cats are there?", "how many horses are there?", answers=[20, 1])
        found = evaluate_questions(questions, counts, shipped(), train)
        assert found.shares == {"answered": 0.5, "mapped": 0.75, "all": 1.0}
        assert found.scores["answered"]["parse and count"].exact == 0.5
        assert found.scores["mapped"]["parse and count"].within_one == pytest.approx(2 / 3)
        assert found.scores["all"]["always 2"].exact == 0.5
        assert found.scores["all"]["always 1"].rmse == pytest.approx(((1 + 0 + 1 + 19**2) / 4) ** 0.5)
        assert found.scores["all"]["mode per noun"].exact == 0.5
        assert found.scores["answered"]["prior"].exact == 0.5
        assert "parse and count" not in found.scores["all"]

    def test_differences_are_paired_and_photos_stay_together(self) -> None:
        questions = asking(*["how many dogs?"] * 40, images=[str(row // 20) for row in range(40)])
        a, b = np.full(40, 2.0), np.concatenate([np.full(20, 2.0), np.full(20, 3.0)])
        found = compare_answers(questions, a, b)["exact"]
        assert found.difference == 0.5
        assert (found.interval.low, found.interval.high) == (0, 1)
        assert compare_answers(questions, a, a)["exact"].interval.high == 0

    def test_photos_go_by_cocos_numbers_and_may_lie_in_several_files(self) -> None:
        questions = asking("how many dogs?", "how many cats?", "how many dogs?", images=["42", "7", "7"])
        files = [table(photo(dog=1), images=["COCO_val2014_000000000042"]), table(photo(cat=2), images=["0007"])]
        kept, counts, missing = with_counts(questions, files, "counts")
        assert kept == questions
        assert not missing
        assert counts.counts[:, [DOG, CAT]].tolist() == [[1, 0], [0, 2], [0, 2]]
        with pytest.raises(DataError, match="1 of 2 images are missing"):
            with_counts(questions, files[:1], "counts")

    @pytest.mark.parametrize(
        "images",
        [
            ["COCO_train2014_000000000055", "2410408", "55"],
            ["COCO_train2014_000000000055", "VG_100K/2410408", "VG_100K_2/55"],
            ["train2014/COCO_train2014_000000000055", "VG_100K/2410408", "VG_100K_2/55"],
            ["coco/train2014/COCO_train2014_000000000055", "vg/VG_100K/2410408", "vg/VG_100K_2/55"],
        ],
    )
    def test_photos_of_visual_genome_go_by_the_names_that_predict_writes(self, images: list[str]) -> None:
        asked = ["how many dogs?"] * 3
        questions = asking(*asked, images=["55", "VG_100K/2410408", "VG_100K_2/55"])
        counts = table(photo(dog=1), photo(dog=2), photo(dog=3), images=images)
        _, found, missing = with_counts(questions, [counts], "counts")
        assert not missing
        assert found.counts[:, DOG].tolist() == [1, 2, 3]

    def test_a_number_of_coco_or_of_visual_genome_is_refused(self) -> None:
        questions = asking("how many dogs?", "how many dogs?", images=["55", "VG_100K_2/55"])
        with pytest.raises(DataError, match="counts: image '55' could be COCO's or VG_100K_2/55"):
            with_counts(questions, [table(photo(dog=1), images=["55"])], "counts")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two VQA questions about photo 42 with ten annotators each, its counts, and a model's answers."""
    asked = [
        {"question_id": 1, "image_id": 42, "question": "How many dogs are there?"},
        {"question_id": 2, "image_id": 42, "question": "What color is the dog?"},
    ]
    annotations = [
        {
            "question_id": 1,
            "multiple_choice_answer": "3",
            "answers": [{"answer": "3"}] * 8 + [{"answer": "2"}] * 2,
        },
        {"question_id": 2, "multiple_choice_answer": "red", "answers": [{"answer": "red"}] * 10},
    ]
    answers = [
        {"question_id": 1, "answers": {"2": 0.4, "3": 0.3, "1": 0.3}},
        {"question_id": 2, "answers": {"red": 0.6, "2": 0.4}},
    ]
    (tmp_path / "q.json").write_text(json.dumps({"questions": asked}))
    (tmp_path / "a.json").write_text(json.dumps({"annotations": annotations}))
    (tmp_path / "model.json").write_text(json.dumps(answers))
    (tmp_path / "counts.csv").write_text("image,dog,cat\nCOCO_val2014_000000000042,2.8,0.1\n")
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `counting` in the folder: exit code, standard output, standard error."""
    monkeypatch.chdir(folder)

    def counting(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return (code, *capsys.readouterr())

    return counting


class TestCommands:
    def test_evaluate_scores_answers_to_questions(self, run: Run) -> None:
        told = ("--questions", "q.json", "--answers", "a.json", "--counts", "counts.csv")
        found = json.loads(run("evaluate", *told, "--json")[1])
        assert found["questions"] == 1
        assert found["scores"]["answered"]["parse and count"] == {
            "exact": 1.0, "within_one": 1.0, "rmse": 0.0, "vqa_accuracy": 1.0,
        }  # fmt: skip
        assert found["scores"]["all"]["always 2"]["vqa_accuracy"] == pytest.approx(0.6, abs=0.01)
        assert "question + prior minus prior" in run("evaluate", *told)[1]

    @pytest.mark.parametrize("answers", [[], [{"answer": "3"}]])
    def test_vqa_accuracy_is_left_out_without_several_annotators(
        self, answers: list[object], folder: Path, run: Run
    ) -> None:
        annotation = {"question_id": 1, "multiple_choice_answer": "3", "answers": answers}
        other = {"question_id": 2, "multiple_choice_answer": "red", "answers": answers}
        (folder / "few.json").write_text(json.dumps({"annotations": [annotation, other]}))
        told = ("--questions", "q.json", "--answers", "few.json", "--counts", "counts.csv")
        found = json.loads(run("evaluate", *told, "--json")[1])
        assert found["scores"]["answered"]["parse and count"] == {
            "exact": 1.0, "within_one": 1.0, "rmse": 0.0, "vqa_accuracy": None,
        }  # fmt: skip
        assert set(found["difference"]["question + prior minus prior"]) == {"exact"}
        assert "nan" not in run("evaluate", *told)[1]

    def test_evaluate_says_what_it_lacks(self, run: Run) -> None:
        for arguments, says in (
            ((), "nothing to evaluate"),
            (("--questions", "q.json"), "needs the counts of its photos"),
        ):
            code, _, err = run("evaluate", *arguments)
            assert code == 2
            assert says in err

    def test_fuse_writes_results_that_vqa_reads(self, folder: Path, run: Run) -> None:
        told = ("model.json", "--questions", "q.json", "--counts", "counts.csv", "--out", "out.json")
        said = json.loads(run("fuse", *told, "--scores", "fused.json", "--json")[1])
        assert said == {"questions": 2, "fused": 1, "changed": 1, "out": "out.json"}
        results = json.loads((folder / "out.json").read_text())
        assert results == [{"question_id": 1, "answer": "3"}, {"question_id": 2, "answer": "red"}]
        rows = json.loads((folder / "fused.json").read_text())
        assert rows[1]["answers"] == {"red": 0.6, "2": 0.4}
        assert max(rows[0]["answers"], key=rows[0]["answers"].get) == "3"

    @pytest.mark.parametrize(
        ("rows", "says"),
        [
            ("{", "not JSON"),
            ({"1": {"2": 1}}, "should hold a list of"),
            ([{"question_id": 1, "answers": {"2": -1}}], "question 1 scores '2' -1, should be a probability"),
            ([{"question_id": 1, "answers": {}}], "question 1 has no answers with scores"),
            ([{"question_id": 9, "answers": {"2": 1}}], "question 9 is not in q.json"),
            ([{"question_id": "1", "answers": {"2": 1}}], "question_id '1' should be a whole number"),
        ],
    )
    def test_fuse_refuses_bad_scores_in_one_line(self, folder: Path, run: Run, rows: object, says: str) -> None:
        (folder / "bad.json").write_text(rows if isinstance(rows, str) else json.dumps(rows))
        told = ("bad.json", "--questions", "q.json", "--counts", "counts.csv", "--out", "out.json")
        code, _, err = run("fuse", *told)
        assert code == 2
        assert says in err
        assert err.count("\n") == 1
        assert not (folder / "out.json").exists()


def test_the_shipped_head_answers_68_in_100_of_cocoqa_test_from_true_counts(data_root: Path) -> None:
    questions = [one for one in load_cocoqa(data_root / "vqa" / "cocoqa" / "test") if count_qa(one)]
    files = [read_table(f"{data_root / 'ceos' / 'coco2014_counts.npz'}:{split}") for split in ("val", "test")]
    kept, counts, _ = with_counts(questions, files, "ceos")
    found = evaluate_questions(kept, counts, shipped())
    assert found.questions == 2644
    assert found.scores["all"]["head"].exact >= 0.68
    assert found.scores["all"]["always 2"].exact == pytest.approx(0.379, abs=0.001)
    injection = (found.differences["question + prior", part]["exact"] for part in ("question", "prior"))
    assert all(difference.interval.low > 0 for difference in injection)

"""Names of studies, and the table that holds their runs side by side."""

import pytest

from glf.evaluation.comparison import spread, study_name, table_of_studies


@pytest.mark.parametrize(
    ("study", "name"),
    [
        ("configs/studies/glow/digits.gin", "glow_digits"),
        ("glow/digits.gin ; PixelFlow.make_bound = @ELBO", "glow_digits_PixelFlow.make_bound_ELBO"),
        ("/a b/c.gin;x/Y.z = (1, 2);W.v='u'", "ab_c_xY.z_12_W.v_u"),
    ],
)
def test_names(study, name):
    assert study_name(study) == name


def test_spread():
    assert spread([1.23456]) == "1.235"
    assert spread([1.0, 2.0, 4.5]) == "2.500 ± 1.803"


def run(seconds, **metrics):
    return {
        "metrics": {name: {"value": value} for name, value in metrics.items()},
        "parameters": 12345,
        "seconds": seconds,
        "sampling_ms": seconds / 1000,
    }


def test_table():
    results = {
        "pixels": {
            "runs": [
                run(10.0, nll=60.0, bits_per_dim=2.0, bits_per_dim_iw16=1.5, bits_per_dim_iw2=1.9),
                run(13.0, nll=62.0, bits_per_dim=2.5, bits_per_dim_iw16=1.5, bits_per_dim_iw2=1.7),
            ]
        },
        "points": {"runs": [run(1.0, nll=3.0, gap=0.25, examples=9.0)]},
    }
    head = "study | bits_per_dim | bits_per_dim_iw2 | bits_per_dim_iw16 | nll, nats | gap, nats"
    assert table_of_studies(results).splitlines() == [
        f"| {head} | parameters | training, s | sampling, ms/image |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| pixels | 2.250 ± 0.354 | 1.800 ± 0.141 | 1.500 ± 0.000 | 61.000 ± 1.414 |  | 12,345 "
        "| 12 | 0.0115 |",
        "| points |  |  |  | 3.000 | 0.250 | 12,345 | 1 | 0.001 |",
    ]


def test_autoencoders_are_compared_by_the_terms_of_their_loss():
    results = {
        "glf": {"runs": [run(1.0, loss=9.0, reconstruction=5.0, latent_nll=2.0, psnr=20.0)]},
        "codes": {"runs": [run(1.0, reconstruction=4.0, prior_nll=3.0, psnr=21.0)]},
    }
    head, _, *rows = table_of_studies(results).splitlines()
    shown = "reconstruction, nats | latent_nll, nats | prior_nll, nats | psnr, dB | parameters"
    assert head.startswith(f"| study | {shown} |")
    assert rows[0].startswith("| glf | 5.000 | 2.000 |  | 20.000 | 12,345 |")
    assert rows[1].startswith("| codes | 4.000 |  | 3.000 | 21.000 | 12,345 |")


def test_no_likelihood():
    table = table_of_studies({"a": {"runs": [run(2.0, loss=1.0)]}})
    assert table.splitlines()[0] == "| study | parameters | training, s | sampling, ms/image |"

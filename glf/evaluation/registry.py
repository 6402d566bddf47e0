"""Every evaluator by the name of its file, in the order in which results are shown."""

from glf.evaluation.codes import Codes
from glf.evaluation.conditioning import Conditioning
from glf.evaluation.cost import Cost
from glf.evaluation.denoising import Denoising
from glf.evaluation.fid import FID
from glf.evaluation.importance_weights import ImportanceWeights
from glf.evaluation.inception_score import InceptionScore
from glf.evaluation.kernel_distance import KernelDistance
from glf.evaluation.latent_density import LatentDensity
from glf.evaluation.latent_mixtures import LatentMixtures
from glf.evaluation.likelihood import Likelihood
from glf.evaluation.loss_terms import LossTerms
from glf.evaluation.memorisation import Memorisation
from glf.evaluation.monge_distance import MongeDistance
from glf.evaluation.outliers import Outliers
from glf.evaluation.point_density import PointDensity
from glf.evaluation.precision_recall import PrecisionRecall
from glf.evaluation.precision_recall_curve import PrecisionRecallCurve
from glf.evaluation.recognition import Recognition
from glf.evaluation.reconstruction import Reconstruction
from glf.evaluation.reconstruction_distance import ReconstructionDistance
from glf.evaluation.rejected_samples import RejectedSamples
from glf.evaluation.round_trip import RoundTrip
from glf.evaluation.segmentation import Segmentation
from glf.evaluation.super_resolution import SuperResolution

EVALUATORS = {
    "loss_terms": LossTerms,
    "point_density": PointDensity,
    "likelihood": Likelihood,
    "importance_weights": ImportanceWeights,
    "latent_density": LatentDensity,
    "reconstruction": Reconstruction,
    "codes": Codes,
    "round_trip": RoundTrip,
    "conditioning": Conditioning,
    "denoising": Denoising,
    "recognition": Recognition,
    "fid": FID,
    "inception_score": InceptionScore,
    "kernel_distance": KernelDistance,
    "monge_distance": MongeDistance,
    "precision_recall": PrecisionRecall,
    "precision_recall_curve": PrecisionRecallCurve,
    "reconstruction_distance": ReconstructionDistance,
    "memorisation": Memorisation,
    "rejected_samples": RejectedSamples,
    "outliers": Outliers,
    "latent_mixtures": LatentMixtures,
    "super_resolution": SuperResolution,
    "segmentation": Segmentation,
    "cost": Cost,
}

"""Ranks, recall, protocols, relevance, grounding, probes, TREC files."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_alignment_agreement": "alignment_agreement",
        "_callback": "RetrievalEvaluation check_order",
        "_candidate_recall": "survival two_stage_recall",
        "_evaluate": "encode_images evaluate score_captions",
        "_grounding": "GroundingResult evaluate_grounding grounding_accuracy",
        "_grounding_cases": "grounding_cases",
        "_grounding_table": "format_grounding grounding_rows",
        "_ndcg": "ZERO_RULES",
        "_pointing": "BOXES",
        "_probe": "probe",
        "_probe_result": "Figures ProbeCase ProbeResult ProbeRow",
        "_probe_table": "case_rows format_probe probe_rows",
        "_protocol_table": "format_protocol",
        "_protocols": "PROTOCOLS",
        "_recall": (
            "DIRECTIONS RECALL_AT check_correspondence format_table ranks recall_table "
        ),
        "_run_protocol": "evaluate_protocol evaluate_split",
        "_streaming_ranks": "set_ranks",
    },
)

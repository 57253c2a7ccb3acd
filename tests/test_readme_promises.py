"""What README.md promises of bad input, and the tests that hold each promise."""

import ast
import functools
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
README = TESTS.parent / "README.md"

# A part of README as it stands there, white space aside, and tests that hold it.
PROMISES = {
    # The command.
    "a killed training goes on where it stood": [
        "test_train.py::test_a_training_killed_between_epochs_resumes_to_the_same_weights",
        "test_train.py::test_resuming_trains_only_the_epochs_that_are_left",
    ],
    # The service and its page.
    "listens on this machine alone, unless `--host` says otherwise": [
        "test_serve.py::test_it_listens_on_this_machine_alone_by_default",
        "test_serve.py::test_it_warns_where_others_can_reach_it",
    ],
    "It answers to no other host name, and it allows no other site.": [
        "test_service.py::test_a_foreign_host_name_is_refused",
        "test_service.py::test_no_other_site_may_read",
    ],
    "over 2,000 characters or 200 words, `top` over 100, a negative weight, no known": [
        "test_service.py::test_a_question_that_cannot_be_answered_is_told_so",
        "test_service.py::test_ten_thousand_words_are_refused_before_the_index_is_asked",
    ],
    "| a filter that is not text, a whole number, or true or false | 400, naming it |": [
        "test_filters.py::test_a_filter_of_images_that_means_nothing_is_told_so",
        "test_filters.py::test_a_filter_of_sentences_that_means_nothing_is_told_so",
    ],
    "a body over 64 KiB (an upload: 4 MiB); one that does not come | 413; 408": [
        "test_service.py::test_a_body_is_bounded_whether_or_not_its_length_is_told",
        "test_posted.py::test_only_an_upload_may_be_large",
        "test_slow.py::test_a_body_that_does_not_come_is_given_up",
    ],
    "an upload that is damaged, unpacks to over 4 MiB, holds NaN, objects, over 200": [
        "test_posted.py::test_an_upload_that_is_no_image_is_told_so",
        "test_uploads.py::test_another_file_is_refused_in_one_line",
        "test_uploads.py::test_a_damaged_file_is_read_or_refused_and_nothing_else",
        "test_uploads.py::test_what_would_be_pickled_is_never_unpickled",
    ],
    "a search over `--timeout` (10 s); more than 64 waiting | 504, the others go on": [
        "test_slow.py::test_a_slow_search_is_given_up",
        "test_slow.py::test_a_search_given_up_leaves_the_other_workers_free",
        "test_slow.py::test_a_full_line_turns_away_and_opens_again",
    ],
    "an index that does not answer; a bug | 503; 500; what happened is in the log": [
        "test_service.py::test_a_dead_engine_is_told_without_its_address",
        "test_service.py::test_a_bug_shows_no_inside_but_is_logged",
    ],
    "a payload whose file name leads out of the folder, by `..`, `/` or a link": [
        "test_picture_files.py::test_other_names_are_refused_without_telling_where",
        "test_picture_files.py::test_a_link_out_of_the_folder_is_not_followed",
        "test_picture_files.py::test_the_service_answers_404_and_shows_no_path",
    ],
    "HTML in captions or file names | shown as text; the page's policy admits no": [
        "test_service.py::test_hostile_captions_come_as_json_and_nothing_else",
        "test_service.py::test_every_answer_carries_the_security_headers",
        "test_service.py::test_the_page_holds_no_inline_or_foreign_script",
        "test_search_page.py::test_hostile_captions_and_file_names_are_text_and_run_nothing",
    ],
    # Features and captions.
    "and resumes; nothing in it is unpickled": [
        "test_pack.py::test_a_killed_process_leaves_what_the_next_one_finishes",
        "test_original_regions.py::test_pickled_original_features_are_refused",
        "test_foreign_features.py::test_lmdb_values_that_are_pickles_or_damaged_are_refused",
        "test_region_store.py::test_pickled_packed_files_are_refused",
    ],
    "A missing image stops the command, and the message names it.": [
        "test_foreign_features.py::test_an_image_that_is_missing_is_named",
    ],
    # Pictures of one's own.
    "left out and listed; the command fails at its end unless `--skip-bad` is given": [
        "test_prepare.py::test_bad_images_are_listed_and_the_others_kept",
        "test_prepare.py::test_what_is_bad_is_no_failure_where_that_is_said",
        "test_odd_pictures.py::test_a_bad_picture_is_left_out_and_listed_with_its_fault",
    ],
    "a picture without a caption; copies | reported, counted, listed": [
        "test_prepare.py::test_copies_stay_in_one_split_and_are_told",
        "test_prepare.py::test_a_picture_without_a_caption_is_told_and_listed",
    ],
    "copies that the file's own splits put into different splits | kept as they are, and": [
        "test_prepare.py::test_copies_that_the_file_tears_apart_are_told",
        "test_split.py::test_given_splits_that_tear_a_group_are_kept_and_told",
    ],
    "captions that are not UTF-8; an id of two images, or an image twice | one line": [
        "test_prepare.py::test_what_cannot_be_used_at_all_is_one_line",
        "test_odd_pictures.py::test_captions_that_are_no_utf_8_are_named",
        "test_odd_pictures.py::test_ids_that_occur_twice_are_named",
    ],
    "a name that could be several files, or that leads out of the folder | not found": [
        "test_resolve.py::test_what_means_none_or_several_is_named",
    ],
    # Regions from pixels.
    "A picture that is missing, empty, truncated, damaged or of over 89 million": [
        "test_storing.py::test_bad_pictures_are_listed_and_the_others_stored",
        "test_storing.py::test_a_missing_picture_is_a_bad_one",
        "test_decode.py::test_a_bomb_is_refused_by_its_size_before_it_is_decoded",
        "test_decode.py::test_a_truncated_picture_is_named",
    ],
    "A killed run goes on with the same command. It loses its last batch at most.": [
        "test_storing.py::test_a_kill_loses_the_last_batch_at_most",
    ],
    "A picture that cannot be decoded is named before training, evaluation or": [
        "test_pixel_commands.py::test_bad_pictures_are_named_before_a_long_work_begins",
        "test_pixel_encoder.py::test_bad_pictures_stop_a_training_before_it_begins",
        "test_pixel_commands.py::test_an_index_lists_bad_pictures_and_fails_at_its_end",
    ],
    # The authors' checkpoints.
    "Nothing in the checkpoint is executed. Every tensor is used once or named.": [
        "test_conversion_torch.py::test_any_other_object_is_refused_by_name_and_nothing_is_run",
        "test_conversion.py::test_every_weight_is_set_once",
        "test_conversion.py::test_missing_and_left_over_tensors_are_listed_by_name",
    ],
    # Search.
    "A killed build goes on with the same command. It loses its last batch at most. An unfinished index is refused. So is a model that is not the index's own.": [
        "test_search_errors.py::test_a_killed_build_is_refused_and_resuming_writes_only_what_is_missing",
        "test_search_errors.py::test_an_index_of_another_model_is_refused",
    ],
    "All of it is plain data: a page that shows it must escape it.": [
        "test_search.py::test_names_of_strangers_are_plain_data",
    ],
    "An embedded index (the default engine) is open in one process at a time.": [
        "test_search_errors.py::test_an_embedded_index_is_open_in_one_process_at_a_time",
    ],
    "a kill loses the shards in the making": [
        "test_shards.py::test_a_killed_writer_leaves_no_shard",
    ],
    # Deployment.
    "It writes no file that is off by more than 1e-4.": [
        "test_export.py::test_an_error_over_the_tolerance_names_the_file_and_the_number",
    ],
    "`export --data` then writes nothing (`--keep` overrules), `verify` ends with": [
        "test_verify.py::test_export_with_data_refuses_what_loses_recall_unless_told",
        "test_verify.py::test_a_pair_that_loses_recall_is_not_good_and_the_command_fails",
    ],
    "`open_exported` raises `ValueError` for all of these inputs, in every format.": [
        "test_bad_input.py::test_the_client_refuses_it",
        "test_bad_input.py::test_the_bare_runtime_does_what_is_documented",
    ],
    "A version is written under a name that is no number": [
        "test_layout.py::test_a_write_that_is_killed_shows_a_server_nothing_new",
        "test_layout.py::test_a_reader_never_sees_half_a_version",
    ],
    "A write that fails leaves nothing. A write that is killed may leave": [
        "test_layout.py::test_a_write_that_fails_leaves_the_repository_as_it_was",
        "test_layout.py::test_what_a_killed_write_left_is_neither_served_nor_in_the_way",
    ],
    "It tries again only where no server took the request": [
        "test_retries.py::test_unavailability_is_tried_again_with_doubled_waits",
        "test_retries.py::test_a_time_out_is_not_tried_again",
        "test_retries.py::test_a_refusal_is_not_tried_again",
    ],
    # What the client refuses, row by row.
    "| a mask of another shape, or not bool | `ValueError` |": [
        "test_client.py::test_bad_tokens_are_refused_before_they_are_sent",
        "test_client.py::test_bad_regions_are_refused_before_they_are_sent",
    ],
    "| a token id below 0 or outside the vocabulary, also in padding |": [
        "test_client.py::test_bad_tokens_are_refused_before_they_are_sent",
    ],
    "| one token more than the position table | `ValueError` from `encode_tokens`;": [
        "test_client.py::test_bad_tokens_are_refused_before_they_are_sent",
    ],
    "| NaN, infinity, or a number beyond float32, also in padding |": [
        "test_client.py::test_bad_regions_are_refused_before_they_are_sent",
    ],
    "| no captions, no images, no regions | `ValueError` |": [
        "test_client.py::test_bad_tokens_are_refused_before_they_are_sent",
        "test_client.py::test_bad_regions_are_refused_before_they_are_sent",
        "test_picture_requests.py::test_bad_pictures_are_refused_before_they_are_sent",
    ],
    "| a real box outside 0 to 1, or with its corners exchanged | `ValueError` |": [
        "test_client.py::test_bad_regions_are_refused_before_they_are_sent",
    ],
    "| features or embeddings of another width | `ValueError` |": [
        "test_client.py::test_bad_regions_are_refused_before_they_are_sent",
        "test_client.py::test_bad_embeddings_are_refused_before_they_are_scored",
    ],
    "| a picture that cannot be decoded, or is too large |": [
        "test_picture_requests.py::test_bad_pictures_are_refused_before_they_are_sent",
    ],
    "| an image or caption with nothing real | encoded; scores 0 |": [
        "test_client.py::test_an_image_or_caption_with_nothing_real_is_encoded_and_scores_0",
    ],
    "| **answer** of other names or shapes, or not finite | `ServingError` |": [
        "test_retries.py::test_an_answer_that_is_none_raises",
    ],
    "| **server** away after all tries, too slow, refusing |": [
        "test_retries.py::test_after_the_last_try_the_error_says_so",
        "test_retries.py::test_a_time_out_is_not_tried_again",
        "test_client.py::test_what_the_server_refuses_is_told_in_its_words",
    ],
    # Without Keras.
    "they compute MrSw themselves, and refuse other poolings": [
        "test_litert.py::test_without_a_scorer_another_rule_is_refused",
        "test_javascript.py::test_without_a_scorer_another_rule_is_refused",
    ],
    "A sentence without a known word is refused. So are region vectors that are not of unit length.": [
        "test_litert.py::test_what_cannot_be_searched_for_is_refused_in_one_line",
        "test_litert.py::test_regions_of_another_form_are_refused",
        "test_javascript.py::test_what_cannot_be_searched_for_is_refused_in_one_line",
    ],
    "A sentence that is too long is cut before [SEP], and the output says where.": [
        "test_litert.py::test_a_long_sentence_is_cut_as_by_the_tokeniser_and_this_is_told",
        "test_javascript.py::test_a_long_sentence_is_cut_as_by_the_tokeniser_and_this_is_told",
    ],
}
# Words of a promise about bad input: a paragraph or row that has one is in the table.
WORDS = re.compile(
    r"refuse|never|ValueError|unpickle|one line names|fails? at its end|leaves nothing"
    r"|goes on with the same|\| (400, naming|413; 408|504, |503; 500|404 )|with status 2"
)


def plain(text):
    return " ".join(text.split())


@functools.cache
def functions_of(file):
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_made_and_held(promise):
    assert plain(promise) in plain(README.read_text(encoding="utf-8"))
    for test in PROMISES[promise]:
        file, name = test.split("::")
        assert name in functions_of(file), f"{test} is not there"


def passages():
    """README's paragraphs, points and rows of tables, without its code."""
    text = re.sub(r"```.*?```", "", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    parts = re.split(r"\n\n+|\n(?=\||- )", text)
    return [plain(part) for part in parts if plain(part)]


# They hold one of the words and promise nothing of bad input.
OTHERS = (
    "The third correction is that pairs of the same image are never negatives",
    "A first stage",
    "Batching on the server is off unless",
    "| `…/1/batching_params.pbtxt` |",
)


def test_every_passage_with_such_a_word_is_in_the_table():
    missing = [
        passage
        for passage in passages()
        if WORDS.search(passage)
        and not passage.startswith(OTHERS)
        and not any(plain(promise) in passage for promise in PROMISES)
    ]
    assert not missing

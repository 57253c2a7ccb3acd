"""What README.md and docs/ promise of bad input, and the tests that hold each promise."""

# A part of a page as it stands there, except for white space, and tests that hold it.
# A test is FILE::NAME, wherever the file lies below tests/.
PROMISES = {
    # The command.
    "Bad input is refused in one line, and the exit status is then 2.": [
        "test_main.py::test_a_users_error_is_one_line",
        "test_hostile_cli.py::test_a_hostile_command_line_is_one_line",
        "test_ending.py::test_an_error_of_any_kind_is_one_line",
    ],
    "Nothing in a model, a checkpoint or features is unpickled, and no code in them": [
        "test_hostile_model.py::test_a_model_file_that_is_none_is_one_line",
        "test_conversion_torch.py::"
        "test_any_other_object_is_refused_by_name_and_nothing_is_run",
        "test_original_regions.py::test_pickled_original_features_are_refused",
    ],
    "| exit status | meaning |": [
        "test_ending.py::test_exit_statuses_are_told_by_help",
    ],
    "| 2 | refused or failed; one line on standard error says why |": [
        "test_ending.py::test_an_error_of_any_kind_is_one_line",
        "test_ending.py::test_an_option_that_cannot_be_is_one_line",
    ],
    "| 130 | interrupted (Ctrl-C); one line |": [
        "test_signals.py::test_a_signal_in_the_first_second_is_one_line",
        "test_signals.py::test_a_signal_that_python_puts_off_ends_the_command_too",
    ],
    "| 143 | terminated; one line |": [
        "test_signals.py::test_a_signal_in_the_first_second_is_one_line",
        "test_signals.py::test_a_signal_that_python_puts_off_ends_the_command_too",
    ],
    "`--debug` shows the traceback too. Progress bars show on a terminal only.": [
        "test_ending.py::test_debug_shows_the_traceback_wherever_it_stands",
        "test_ending.py::test_no_bar_fills_a_file",
    ],
    "a killed training goes on where it stood": [
        "test_train.py::test_a_training_killed_between_epochs_resumes_to_the_same_weights",
        "test_train.py::test_resuming_trains_only_the_epochs_that_are_left",
    ],
    "A RUN is finished when `card.md` stands beside `model.keras`.": [
        "test_finishing.py::"
        "test_a_training_killed_after_a_write_goes_on_to_the_same_weights",
        "test_finishing.py::test_a_one_epoch_model_of_another_configuration_is_no_result",
    ],
    "takes an unfinished RUN too, and says so on standard error.": [
        "test_finishing.py::test_evaluating_an_unfinished_run_says_so_in_one_line",
    ],
    # Configurations, sentences, tokenizers and models.
    "| a configuration with an unknown key, or with a value of another kind or out": [
        "test_hostile_config.py::test_a_configuration_that_says_nothing_is_refused",
        "test_hostile_config.py::test_every_key_refuses_every_value_of_another_kind",
    ],
    "| a list of sentences in `score`, `rank` or `explain`, which take one `str` |": [
        "test_hostile_inputs.py::test_an_input_that_is_none_is_one_line",
    ],
    "| a sentence without a known word, in `score`, `rank`, `explain` or a search |": [
        "test_hostile_text.py::test_hostile_text",
        "test_search_errors.py::test_sentences_that_cannot_be_asked",
    ],
    "| each setting that changes ids is honored, or refused by name |": [
        "test_tokenizer_files.py::"
        "test_settings_of_a_hugging_face_folder_give_the_ids_of_the_tokenizers_package",
        "test_tokenizer_files.py::test_a_setting_that_is_not_honored_is_refused_by_name",
    ],
    "| a vocabulary of another size or order than the model's | refused wherever": [
        "test_hostile_text.py::"
        "test_a_matcher_refuses_another_vocabulary_than_its_models",
        "test_hostile_text.py::"
        "test_a_client_refuses_another_vocabulary_than_that_of_its_models",
        "test_verify.py::test_an_export_with_its_vocabulary_in_another_order_is_refused",
        "test_whole_index.py::test_another_order_of_the_runs_vocabulary_is_refused",
    ],
    "A `model.keras` file may name classes of Keras, KerasHub and this package only,": [
        "test_hostile_model.py::test_a_model_file_that_is_none_is_one_line",
        "test_hostile_model.py::"
        "test_other_commands_refuse_it_too_before_they_load_anything",
    ],
    # Phrases with boxes.
    "The published refs are a pickle, and a pickle is refused.": [
        "test_phrase_files.py::test_a_pickle_is_refused_by_name_with_the_way_to_json",
        "test_phrase_files.py::test_the_command_of_that_line_makes_the_json",
        "test_phrase_files.py::test_entities_that_cannot_be_are_named",
    ],
    "A key that is not known is refused, and so is a phrase that the span does not": [
        "test_phrase_files.py::test_a_record_that_cannot_be_is_named",
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
    '| a value of another kind, such as `"top": "5"`; an unknown name | 400, naming': [
        "test_service.py::test_a_question_that_cannot_be_answered_is_told_so",
    ],
    "| a filter that is not text, a whole number, or true or false | 400, naming it |": [
        "test_filters.py::test_a_filter_of_images_that_means_nothing_is_told_so",
        "test_filters.py::test_a_filter_of_sentences_that_means_nothing_is_told_so",
    ],
    "a body over 64 KiB (an upload: 4 MiB) | 413 |": [
        "test_service.py::test_a_body_is_bounded_whether_or_not_its_length_is_told",
        "test_posted.py::test_only_an_upload_may_be_large",
    ],
    "a body that does not come | 408 |": [
        "test_slow.py::test_a_body_that_does_not_come_is_given_up",
    ],
    "an upload that is damaged, unpacks to over 4 MiB, holds NaN, objects, over 200": [
        "test_posted.py::test_an_upload_that_is_no_image_is_told_so",
        "test_uploads.py::test_another_file_is_refused_in_one_line",
        "test_uploads.py::test_a_damaged_file_is_read_or_refused_and_nothing_else",
        "test_uploads.py::test_what_would_be_pickled_is_never_unpickled",
    ],
    "a search over `--timeout` (10 s) | 504; the other searches go on |": [
        "test_slow.py::test_a_slow_search_is_given_up",
        "test_slow.py::test_a_search_given_up_leaves_the_other_workers_free",
    ],
    "more than 64 waiting searches | 503 |": [
        "test_slow.py::test_a_full_line_turns_away_and_opens_again",
    ],
    "an index that does not answer | 503 |": [
        "test_service.py::test_a_dead_engine_is_told_without_its_address",
    ],
    "a bug | 500; what happened is in the log alone |": [
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
    "A killed command goes on when it is run again.": [
        "test_pack.py::test_a_killed_process_leaves_what_the_next_one_finishes",
    ],
    "Nothing in the features is unpickled.": [
        "test_original_regions.py::test_pickled_original_features_are_refused",
        "test_foreign_features.py::test_lmdb_values_that_are_pickles_or_damaged_are_refused",
        "test_region_store.py::test_pickled_packed_files_are_refused",
    ],
    "A missing image stops the command, and the message names it.": [
        "test_foreign_features.py::test_an_image_that_is_missing_is_named",
    ],
    "The store and its captions appear together, or neither appears.": [
        "test_feature_matching.py::test_a_store_appears_with_its_captions_or_not_at_all",
    ],
    "Only `cocoid` is an id. `imgid` is a position in its file and finds nothing.": [
        "test_feature_matching.py::test_a_position_is_no_key_and_a_file_name_is",
        "test_feature_matching.py::test_a_cocoid_is_an_id",
        "test_feature_matching.py::test_groups_of_file_names_are_not_positions",
    ],
    "Two ways that find different entries are an error, and the message shows both.": [
        "test_feature_matching.py::test_ways_that_differ_are_an_error_that_shows_both",
    ],
    "A file in which some boxes look like pixels and some look relative is refused.": [
        "test_box_units.py::test_units_that_contradict_each_other_are_refused",
        "test_box_units.py::test_units_are_those_of_the_file_and_not_of_the_image",
    ],
    "A relative box that reaches over the edge by a pixel is cut to the edge.": [
        "test_box_units.py::test_a_relative_box_a_pixel_over_the_edge_stays_a_box",
    ],
    "A declared number of boxes, such as `num_boxes`, is compared with what the file": [
        "test_published_tsv.py::test_what_a_row_declares_is_held_against_what_it_holds",
        "test_hostile_features.py::test_a_hostile_feature_file_is_refused_in_one_line",
    ],
    "If an image has a broken row and a complete one, the complete one is taken.": [
        "test_published_tsv.py::test_of_a_broken_and_a_whole_row_the_whole_one_is_taken",
    ],
    "A quote that is not closed on its line is refused, and the message names the": [
        "test_hostile_captions.py::test_hostile_captions",
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
    "A kill loses the shards that were being made. `keras-teran index": [
        "test_shards.py::test_an_interrupted_or_killed_writer_leaves_no_shard",
    ],
    "A kill loses the shards that were being made, and the same command goes on.": [
        "test_shards.py::test_an_interrupted_or_killed_writer_leaves_no_shard",
    ],
    "are options of a server. The embedded engine refuses them.": [
        "test_hostile_index.py::test_index",
    ],
    "are options of a server. The embedded engine refuses them:": [
        "test_hostile_index.py::test_index",
    ],
    "A line of an image that is not among the images is refused.": [
        "test_hostile_index.py::test_index",
    ],
    "A search that finds nothing says why on standard error": [
        "test_whole_index.py::test_an_empty_result_says_why",
        "test_whole_index.py::test_the_command_says_why_and_what_no_filter_can_ask_for",
    ],
    "goes only to an address that is given in the same command": [
        "test_keys.py::test_it_goes_to_the_server_that_the_user_gives_and_to_no_other",
    ],
    "and there is a key and no `--engine`, the command is refused. Over plain `http`,": [
        "test_keys.py::test_no_key_goes_to_a_server_that_only_the_index_names",
        "test_keys.py::test_a_key_travels_unencrypted_on_this_machine_alone",
        "test_keys.py::test_a_redirection_takes_the_key_nowhere",
    ],
    "These are compared whenever an index is opened. Every vector that is scored has": [
        "test_hostile_search.py::test_search",
        "test_whole_index.py::test_a_vector_of_another_length_is_never_scored_as_one",
        "test_whole_index.py::"
        "test_vectors_of_other_images_and_other_payloads_are_found_by_verify",
    ],
    "An index of an older format is refused: build it again.": [
        "test_search_errors.py::test_no_index_and_a_damaged_one_are_told_apart",
    ],
    # Deployment.
    "It writes no file that is off by more than 1e-4.": [
        "test_export.py::test_an_error_over_the_tolerance_names_the_file_and_the_number",
    ],
    "`export --data` writes nothing, unless `--keep` is given.": [
        "test_verify.py::test_export_with_data_refuses_what_loses_recall_unless_told",
    ],
    "`verify` ends with status 2.": [
        "test_verify.py::test_a_pair_that_loses_more_than_is_allowed_fails_the_command",
    ],
    "`open_exported` raises `ValueError` for all of these inputs, in every format.": [
        "test_bad_input.py::test_the_client_refuses_it",
        "test_bad_input.py::test_the_bare_runtime_does_what_is_documented",
    ],
    "It also raises `ValueError` for a real box outside 0 to 1, and for an array of": [
        "test_hostile_export.py::test_open_exported",
        "test_hostile_export.py::test_weights_that_give_no_numbers_are_told",
    ],
    "A difference is refused. `keras-teran verify` reads every file completely. A": [
        "test_hostile_verify.py::test_opening_one_file_of_an_export_finds_it_too",
        "test_hostile_verify.py::test_verify",
    ],
    "Several threads may call one opened file.": [
        "test_threads.py::test_each_of_400_requests_on_8_threads_gets_its_own_answer",
        "test_threads.py::test_onnx_and_savedmodel_run_two_requests_at_once",
        "test_threads.py::"
        "test_a_pool_lends_each_interpreter_to_one_call_and_makes_no_more_than_allowed",
    ],
    "It compares the tokenizer's files with the hashes in `interface.json`, and": [
        "test_hostile_serving.py::test_client",
    ],
    "So a vocabulary never meets the table of another version.": [
        "test_hostile_text.py::"
        "test_a_client_refuses_another_vocabulary_than_that_of_its_models",
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
        "test_pictures.py::test_bad_pictures_are_refused_before_they_are_sent",
    ],
    "| a real box outside 0 to 1, or with its corners exchanged | `ValueError` |": [
        "test_client.py::test_bad_regions_are_refused_before_they_are_sent",
    ],
    "| features or embeddings of another width | `ValueError` |": [
        "test_client.py::test_bad_regions_are_refused_before_they_are_sent",
        "test_client.py::test_bad_embeddings_are_refused_before_they_are_scored",
    ],
    "| a picture that cannot be decoded, or is too large |": [
        "test_pictures.py::test_bad_pictures_are_refused_before_they_are_sent",
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
        "test_both_searches.py::test_without_a_scorer_another_rule_is_refused",
    ],
    "A sentence without a known word is refused. So are region vectors that are not of unit length.": [
        "test_litert.py::test_what_cannot_be_searched_for_is_refused_in_one_line",
        "test_litert.py::test_regions_of_another_form_are_refused",
        "test_javascript.py::test_what_cannot_be_searched_for_is_refused_in_one_line",
    ],
    "A sentence that is too long is cut before [SEP], and the output says where.": [
        "test_both_searches.py::test_a_long_sentence_is_cut_as_by_the_tokeniser_and_this_is_told",
    ],
}

tenantry_unit_test(SOURCES stripe_event_test.cpp stripe_policy_test.cpp LINK gateway_stripe)
set_source_files_properties(stripe_event_test.cpp TARGET_DIRECTORY unit_tests
    PROPERTIES COMPILE_DEFINITIONS STRIPE_DATA="${PROJECT_SOURCE_DIR}/tests/data/stripe")

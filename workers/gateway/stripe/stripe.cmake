# Reading Stripe's events: no database, no HTTP.
tenantry_library(gateway_stripe stripe/event.cpp stripe/policy.cpp)
target_link_libraries(gateway_stripe PUBLIC events shared_core PRIVATE shared_crypto shared_json)

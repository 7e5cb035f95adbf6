# Requests at a fixed rate, for `./dev bench gateway`. Built with everything else, so that it cannot rot.
tenantry_executable(bench_http ${CMAKE_CURRENT_LIST_DIR}/http_load.cpp)
target_link_libraries(bench_http PRIVATE CLI11::CLI11 nlohmann_json::nlohmann_json)

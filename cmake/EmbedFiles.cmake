# tenantry_embed(<target> <symbol> <folder> <files>...): compiles files into <target>, so that a binary needs nothing
# beside it. Gives `std::span<const tenantry::EmbeddedFile> tenantry::<symbol>()`; files are relative to <folder>.
function(tenantry_embed target symbol folder)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.cpp)
  set(inputs)
  foreach(file ${ARGN})
    list(APPEND inputs ${folder}/${file})
  endforeach()
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DSYMBOL=${symbol} -DFOLDER=${folder} "-DFILES=${ARGN}"
            -P ${PROJECT_SOURCE_DIR}/cmake/WriteEmbedded.cmake
    DEPENDS ${inputs} ${PROJECT_SOURCE_DIR}/cmake/WriteEmbedded.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()

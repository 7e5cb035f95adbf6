# What every target of ours shares: warnings as errors, sanitizers, and includes rooted at the project.

add_library(tenantry_warnings INTERFACE)
target_compile_options(tenantry_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers -Werror)

if(TENANTRY_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(TENANTRY_SANITIZE_THREAD)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()

if(TENANTRY_SIMULATION)
  add_compile_definitions(TENANTRY_SIMULATION)
endif()

find_program(TENANTRY_MOLD mold)
if(TENANTRY_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(TENANTRY_CCACHE ccache)
if(TENANTRY_CCACHE)
  # Paths below the checkout count as relative ones: a second checkout finds what the first one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${TENANTRY_CCACHE})
endif()

# tenantry_library(<name> <sources>...): a static library, includes written from the project's root.
function(tenantry_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE tenantry_warnings)
endfunction()

# tenantry_executable(<name> <sources>...)
function(tenantry_executable name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE tenantry_warnings)
endfunction()

# What every target of ours shares: warnings as errors, sanitizers, and includes rooted at the project.

add_library(tenantry_warnings INTERFACE)
target_compile_options(tenantry_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers)
if(NOT TENANTRY_FUZZ)  # which another compiler builds
  target_compile_options(tenantry_warnings INTERFACE -Werror)
endif()
# g++ 12, optimising with the standard library in a precompiled header, takes moves of short strings for writes beyond
# them: false alarms (GCC bugs 105329, 105651).
# The address sanitizer looks at the same in the tests.
if(NOT TENANTRY_SANITIZE AND NOT TENANTRY_FUZZ)
  target_compile_options(tenantry_warnings INTERFACE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
                         -Wno-stringop-overread)
endif()

if(TENANTRY_SANITIZE)
  # Not null and alignment: 40 % of the code generated, for what the address sanitizer or the processor tells, too.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=null,alignment,object-size
                      -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(TENANTRY_SANITIZE_THREAD)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(TENANTRY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=null,alignment,object-size,vptr,function
                      -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)  # they are g++'s
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
  # The sloppiness is what ccache asks for with precompiled headers; tenantry_precompile() says what they hold.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1 ${TENANTRY_CCACHE})
endif()

# tenantry_precompile(<name> <header>): a target whose precompiled header others reuse that are compiled alike.
# Beside it lies the checksum of its text, by which ccache knows it: its bytes differ from folder to folder.
function(tenantry_precompile name header)
  if(CMAKE_DISABLE_PRECOMPILE_HEADERS)
    add_library(${name} INTERFACE)
    return()
  endif()
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp "")
  add_library(${name} STATIC ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/${header})
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -I${PROJECT_SOURCE_DIR} -E -P -include ${header} -x c++ /dev/null
                  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                  OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  string(SHA256 sum "${text}")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.gch.sum ${sum})
endfunction()

if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
  add_compile_options(-fpch-preprocess)  # ccache needs it
endif()
tenantry_precompile(precompiled cmake/precompiled.h)

# Several sources are compiled at a time: what costs is what headers make of templates, and that is paid once for all.
# (A cold build of the product took 37 minutes of processor before, 17 since; ADR 18.) OFF: each by itself, as clang-tidy
# wants it (./dev lint). We join them ourselves, by paths that are relative to the project: CMake's own unity build writes
# absolute ones, by which ccache knows the checkout.
option(TENANTRY_UNITY "Compile several sources of a library at a time" ON)

# tenantry_compile_together(<target>): joins the target's sources by sixes, once all of them are known; but for those that
# are generated, and those that say SKIP_UNITY_BUILD_INCLUSION.
function(tenantry_compile_together target)
  if(TENANTRY_UNITY)
    # g++ takes every source but the first for a header, in which such a type would be a mistake.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
    cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY [[${PROJECT_SOURCE_DIR}]] CALL tenantry_join_sources ${target})")
  endif()
endfunction()

function(tenantry_join_sources target)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  get_target_property(binary_folder ${target} BINARY_DIR)
  set(alone)
  set(together)
  foreach(source ${sources})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder} NORMALIZE)
    get_source_file_property(skipped ${source} TARGET_DIRECTORY ${target} SKIP_UNITY_BUILD_INCLUSION)
    cmake_path(IS_PREFIX PROJECT_BINARY_DIR ${source} generated)
    if(skipped OR generated OR NOT source MATCHES "\\.cpp$")
      list(APPEND alone ${source})
    else()
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
      list(APPEND together ${source})
    endif()
  endforeach()
  set(joined 0)
  while(together)
    set(text)
    foreach(i RANGE 1 6)
      list(POP_FRONT together source)
      if(source)
        string(APPEND text "#include \"${source}\"\n")
      endif()
    endforeach()
    file(CONFIGURE OUTPUT ${binary_folder}/${target}_${joined}.cpp CONTENT "${text}" @ONLY)
    list(APPEND alone ${binary_folder}/${target}_${joined}.cpp)
    math(EXPR joined "${joined} + 1")
  endwhile()
  set_target_properties(${target} PROPERTIES SOURCES "${alone}")
endfunction()

# tenantry_library(<name> <sources>...): a static library, includes written from the project's root.
function(tenantry_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_precompile_headers(${name} REUSE_FROM precompiled)
  target_link_libraries(${name} PRIVATE tenantry_warnings json_instances)
  if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/tests")
    tenantry_compile_together(${name})
  endif()
endfunction()

# tenantry_executable(<name> <sources>...)
function(tenantry_executable name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_precompile_headers(${name} REUSE_FROM precompiled)
  target_link_libraries(${name} PRIVATE tenantry_warnings json_instances)
endfunction()

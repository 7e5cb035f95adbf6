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
  # Paths below the checkout count as relative ones: a second checkout finds what the first one compiled, but for what is
  # compiled together (ADR 18).
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

# What the product is made of is compiled several sources at a time: what costs is what headers make of templates, and
# that is paid once for all. (A cold build of the whole took 37 minutes of processor before, 17 since.) Tests are not:
# each has names of its own for its examples. OFF: each by itself, as clang-tidy wants it (./dev lint).
option(TENANTRY_UNITY "Compile several sources of a library at a time" ON)

# tenantry_library(<name> <sources>...): a static library, includes written from the project's root.
function(tenantry_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_precompile_headers(${name} REUSE_FROM precompiled)
  target_link_libraries(${name} PRIVATE tenantry_warnings json_instances)
  if(TENANTRY_UNITY AND NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/tests")
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    # g++ takes every source but the first for a header, in which such a type would be a mistake.
    target_compile_options(${name} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# tenantry_executable(<name> <sources>...)
function(tenantry_executable name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_precompile_headers(${name} REUSE_FROM precompiled)
  target_link_libraries(${name} PRIVATE tenantry_warnings json_instances)
endfunction()

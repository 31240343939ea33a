# tests/<area>/*.cpp → one test program per area (tests/lib → test_lib), linked to what its area may use. Each test case
# is one ctest test: failures have names, and they run side by side.
include(Catch)

function(mp_test_program area)
  set(tests "${PROJECT_SOURCE_DIR}/tests")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${tests}/${area}/*.cpp")
  if(NOT sources)
    return()
  endif()
  add_executable(test_${area} ${sources})
  target_link_libraries(test_${area} PRIVATE mp_options mp_${area} mp_catch_main)
  mp_compile_quickly(test_${area})
  target_precompile_headers(test_${area} PRIVATE "${tests}/support/catch.hpp")
  set_target_properties(test_${area} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  catch_discover_tests(test_${area} TEST_SPEC "~[gpu]" TEST_PREFIX "${area}: " DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT 300 LABELS ${area} ENVIRONMENT OMP_WAIT_POLICY=passive)
endfunction()

# Catch2's own code is neither warned about nor sanitized: it is slow to build that way, and not ours.
add_library(mp_catch_main STATIC "${PROJECT_SOURCE_DIR}/tests/support/catch_main.cpp"
  "${PROJECT_SOURCE_DIR}/tests/support/source_dir.cpp")
target_include_directories(mp_catch_main PRIVATE "${PROJECT_SOURCE_DIR}")
set_source_files_properties("${PROJECT_SOURCE_DIR}/tests/support/source_dir.cpp" PROPERTIES
  COMPILE_DEFINITIONS MP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(mp_catch_main PUBLIC Catch2::Catch2)
target_compile_options(mp_catch_main PRIVATE -w -O1 -g0)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(mp_catch_main INTERFACE -fpch-preprocess)  # lets ccache see through the precompiled header
endif()
mp_test_program(lib)
mp_test_program(models)
mp_test_program(partition)
mp_test_program(runtime)
# Those that need a GPU say so, and count as skipped, where there is none.
catch_discover_tests(test_runtime TEST_SPEC "[gpu]" TEST_PREFIX "gpu: " DISCOVERY_MODE PRE_TEST
  PROPERTIES TIMEOUT 300 LABELS gpu SKIP_REGULAR_EXPRESSION "skipped: ")

# Benchmarks: built only when asked for, by tests/benchmarks/partition/run.
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/benchmarks/partition/*.cpp")
add_executable(partition-benchmark EXCLUDE_FROM_ALL ${sources})
target_link_libraries(partition-benchmark PRIVATE mp_options mp_partition)
set_target_properties(partition-benchmark PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

# Whole programs: every case_* function of tests/cli/*.sh. Files are named after the program they need.
find_program(MP_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)  # the system's, which has the system's packages
find_program(MP_PYTHON python3 REQUIRED)
file(GLOB case_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/cli/*.sh")
foreach(file IN LISTS case_files)
  cmake_path(GET file STEM stem)
  string(REGEX REPLACE "-.*" "" program "${stem}")
  if(program MATCHES "^mp" AND NOT TARGET ${program})
    continue()
  endif()
  if((stem MATCHES "^mprun-emulated-" AND NOT MP_HAVE_CUDA) OR (stem STREQUAL "mprun-nccl-ranks" AND NOT MP_HAVE_NCCL))
    continue()
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  file(STRINGS "${file}" cases REGEX "^case_[a-z0-9_]+\\(\\)")
  foreach(line IN LISTS cases)
    string(REGEX REPLACE "\\(.*" "" case "${line}")
    string(REGEX REPLACE "^case_" "" sentence "${case}")
    string(REPLACE "_" " " sentence "${sentence}")
    add_test(NAME "cli:${stem}: ${sentence}"
      COMMAND "${PROJECT_SOURCE_DIR}/tests/cli/run" "${PROJECT_BINARY_DIR}/bin" "${file}" "${case}")
    set_tests_properties("cli:${stem}: ${sentence}" PROPERTIES TIMEOUT 600 LABELS cli)
  endforeach()
endforeach()

# The files we ship, under the schemas we document.
if(EXISTS "${PROJECT_SOURCE_DIR}/docs/schemas" AND NOT MP_SANITIZE)
  add_test(NAME "files: all that are shipped are valid under their schemas"
    COMMAND "${MP_PYTHON}" -B "${PROJECT_SOURCE_DIR}/tests/schemas/check.py")
  set_tests_properties("files: all that are shipped are valid under their schemas"
    PROPERTIES SKIP_RETURN_CODE 77 LABELS files)
endif()

# No shipped model may be cut worse than before.
if(TARGET mpplan AND NOT MP_SANITIZE)
  file(GLOB models CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/models/*.json")
  foreach(model IN LISTS models)
    cmake_path(GET model STEM model)
    add_test(NAME "cut-costs: ${model} is cut no worse than before"
      COMMAND "${PROJECT_SOURCE_DIR}/scripts/cut-costs" --bin "${PROJECT_BINARY_DIR}/bin" ${model})
    set_tests_properties("cut-costs: ${model} is cut no worse than before" PROPERTIES TIMEOUT 600 LABELS cut-costs)
  endforeach()
endif()

# The rules no compiler checks, and the proof that the check sees them broken.
if(NOT MP_SANITIZE)
  add_test(NAME "house: the rules hold" COMMAND "${MP_PYTHON}" "${PROJECT_SOURCE_DIR}/tests/house/check.py")
  add_test(NAME "house: every rule can be broken"
    COMMAND "${MP_PYTHON}" -B "${PROJECT_SOURCE_DIR}/tests/house/check_test.py")
  set_tests_properties("house: the rules hold" "house: every rule can be broken" PROPERTIES LABELS house)
endif()

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/benchmarks/simulate/*.cpp")
add_executable(simulate-benchmark EXCLUDE_FROM_ALL ${sources} "${PROJECT_SOURCE_DIR}/tests/lib/support/small_models.cpp"
                                  "${PROJECT_SOURCE_DIR}/tests/lib/support/stage_chain.cpp")
target_link_libraries(simulate-benchmark PRIVATE mp_options mp_lib)
set_target_properties(simulate-benchmark PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
include(MpEmulation)  # the tests for GPUs, on an emulated one

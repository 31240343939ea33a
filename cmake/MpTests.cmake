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
  target_compile_definitions(test_${area} PRIVATE MP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_precompile_headers(test_${area} PRIVATE "${tests}/support/catch.hpp")
  set_target_properties(test_${area} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  catch_discover_tests(test_${area} TEST_PREFIX "${area}: " DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT 300 LABELS ${area})
endfunction()

# Catch2's own code is neither warned about nor sanitized: it is slow to build that way, and not ours.
add_library(mp_catch_main STATIC "${PROJECT_SOURCE_DIR}/tests/support/catch_main.cpp")
target_link_libraries(mp_catch_main PUBLIC Catch2::Catch2)
target_compile_options(mp_catch_main PRIVATE -w -O1 -g0)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(mp_catch_main INTERFACE -fpch-preprocess)  # lets ccache see through the precompiled header
endif()
mp_test_program(lib)
mp_test_program(partition)
mp_test_program(runtime)

# The emulated GPU of the tests (tests/emulation/). Its objects are linked before NVIDIA's libraries, and the kernels,
# compiled for the host, before those of mp_runtime, whose objects then are not taken.
if(NOT MP_HAVE_CUDA)
  return()
endif()

# Leaves out nccl*.cpp and cudnn*.cpp where the library was not found.
macro(mp_keep_found_libraries files)
  foreach(library nccl cudnn)
    string(TOUPPER "MP_HAVE_${library}" have)
    if(NOT ${have})
      list(FILTER ${files} EXCLUDE REGEX "/${library}[^/]*\\.cpp$")
    endif()
  endforeach()
endmacro()

set(emulation "${PROJECT_SOURCE_DIR}/tests/emulation")
file(GLOB sources CONFIGURE_DEPENDS "${emulation}/*.cpp")
list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
mp_keep_found_libraries(sources)
file(GLOB kernels CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime/cuda/kernels/*.cu")
foreach(kernel IN LISTS kernels)
  cmake_path(GET kernel STEM name)
  set(wrapper "${PROJECT_BINARY_DIR}/emulation/${name}.cpp")
  file(CONFIGURE OUTPUT "${wrapper}" CONTENT "#include \"@kernel@\"\n" @ONLY)
  set_source_files_properties("${wrapper}" PROPERTIES COMPILE_OPTIONS "-include;tests/emulation/device_code.hpp"
    OBJECT_DEPENDS "${emulation}/device_code.hpp")
  list(APPEND sources "${wrapper}")
endforeach()
add_library(mp_emulated_gpu OBJECT ${sources})
target_link_libraries(mp_emulated_gpu PRIVATE mp_options mp_runtime)

# mprun on it: what GPUs it finds, MP_EMULATED_GPUS says (tests/emulation/machine.hpp).
add_executable(mprun-emulated $<TARGET_OBJECTS:mprun> $<TARGET_OBJECTS:mp_emulated_gpu>)
target_link_libraries(mprun-emulated PRIVATE mp_options mp_apps mp_runtime mp_lib)
set_target_properties(mprun-emulated PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

# All tests of the runtime are in it; those for GPUs are run. [emulation]: what only an emulated GPU can be asked for.
file(GLOB tests CONFIGURE_DEPENDS "${emulation}/*_test.cpp")
mp_keep_found_libraries(tests)
add_executable(test_emulated_gpu ${tests} $<TARGET_OBJECTS:test_runtime> $<TARGET_OBJECTS:mp_emulated_gpu>)
target_link_libraries(test_emulated_gpu PRIVATE mp_options mp_runtime mp_catch_main)
mp_compile_quickly(test_emulated_gpu)
set_target_properties(test_emulated_gpu PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
catch_discover_tests(test_emulated_gpu TEST_SPEC "[gpu],[emulation]" TEST_PREFIX "emulated gpu: "
  DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300 LABELS runtime FAIL_REGULAR_EXPRESSION "skipped: ")

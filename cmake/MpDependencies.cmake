# Required packages stop the configuration with the name of the package to install; optional ones set MP_HAVE_<NAME>
# and a line of the summary.

# mp_require(name debian-package [find_package arguments…])
macro(mp_require name package)
  find_package(${name} QUIET ${ARGN})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${name} is missing: install ${package} (scripts/install-dependencies does), or put its place "
      "into CMAKE_PREFIX_PATH. ${${name}_NOT_FOUND_MESSAGE}")
  endif()
endmacro()

mp_require(fmt libfmt-dev)
mp_require(nlohmann_json nlohmann-json3-dev 3.10)
mp_require(CLI11 libcli11-dev)
mp_require(METIS libmetis-dev)
mp_require(oneDNN libdnnl-dev 2.6)
mp_require(PNG libpng-dev)
mp_require(TurboJPEG libturbojpeg0-dev)
mp_require(PCRE2 libpcre2-dev)
mp_require(OpenMP "a compiler with OpenMP" COMPONENTS CXX)
mp_require(Threads libc6-dev)
if(BUILD_TESTING)
  mp_require(Catch2 catch2)
endif()

include(MpCuda)
include(MpMpi)

function(mp_summary)
  string(CONCAT text
    "mpplan ${PROJECT_VERSION}, ${CMAKE_BUILD_TYPE}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, "
    "oneDNN ${oneDNN_VERSION}, fmt ${fmt_VERSION}, nlohmann/json ${nlohmann_json_VERSION}, CLI11 ${CLI11_VERSION}, "
    "Catch2 ${Catch2_VERSION}\n" "CUDA: ${MP_CUDA_SUMMARY}; MPI: ${MP_MPI_SUMMARY}\n")
  message(STATUS "${text}")
  file(WRITE "${PROJECT_BINARY_DIR}/summary.txt" "${text}")
endfunction()

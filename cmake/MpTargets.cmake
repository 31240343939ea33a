# One target per folder: every .cpp below it. Include paths are from the project's root.

add_library(mp_options INTERFACE)
target_include_directories(mp_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_link_options(mp_options INTERFACE LINKER:--as-needed)  # a program loads only the libraries that it uses
set(mp_warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast -Wcast-qual -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these in its own headers (std::string assigned from a literal; GCC bugs 105329, 105651).
  list(APPEND mp_warnings -Wno-restrict -Wno-stringop-overflow)
endif()
if(MP_WARNINGS_AS_ERRORS)
  list(APPEND mp_warnings -Werror)
endif()
target_compile_options(mp_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${mp_warnings}>")
if(MP_HEAVY_CHECKS)
  target_compile_definitions(mp_options INTERFACE MP_HEAVY_CHECKS)
endif()
if(MP_SANITIZE)
  set(flags -fsanitize=${MP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  list(APPEND flags -Wno-maybe-uninitialized)  # false alarms in instrumented standard headers
  target_compile_options(mp_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${flags}>")
  target_link_options(mp_options INTERFACE -fsanitize=${MP_SANITIZE})
  if(MP_SANITIZE STREQUAL "thread")  # likewise: std::string's own copies
    target_compile_options(mp_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>)
  endif()
endif()

# Random numbers are the same bits everywhere: no fused multiply-add of the compiler's own choosing.
set_source_files_properties("${PROJECT_SOURCE_DIR}/lib/base/random.cpp" PROPERTIES COMPILE_OPTIONS -ffp-contract=off
  SKIP_PRECOMPILE_HEADERS ON)

# mp_library(name folder LINKS … BACKENDS cuda mpi …). A backend is a folder below `folder`, or, where it is not to be
# had (MP_HAVE_CUDA is false), the file no_<backend>.cpp that answers in its stead: chosen here, no #ifdef at a call.
function(mp_library name folder)
  cmake_parse_arguments(ARG "" "" "LINKS;BACKENDS" ${ARGN})
  set(folder "${PROJECT_SOURCE_DIR}/${folder}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cpp")
  foreach(backend IN LISTS ARG_BACKENDS)
    string(TOUPPER "MP_HAVE_${backend}" have)
    if(${have} AND IS_DIRECTORY "${folder}/${backend}")
      list(REMOVE_ITEM sources "${folder}/no_${backend}.cpp")
      file(GLOB_RECURSE kernels CONFIGURE_DEPENDS "${folder}/${backend}/*.cu")
      list(APPEND sources ${kernels})
      list(APPEND ARG_LINKS mp_${backend})
    else()
      list(FILTER sources EXCLUDE REGEX "^${folder}/${backend}/")
    endif()
  endforeach()
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE mp_options ${ARG_LINKS})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC mp_options ${ARG_LINKS})
  mp_precompile_headers(${name})
endfunction()

# Half the time of a file is the standard library's headers. With sanitizers alone: elsewhere the compiler sees that every
# file includes what it uses.
function(mp_precompile_headers target)
  if(NOT MP_SANITIZE)
    return()
  endif()
  target_precompile_headers(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/cmake/precompiled.hpp>")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # lets ccache see through it
  endif()
endfunction()

# For code that is compiled more often than it runs: at -O3 the templates of CLI11 and Catch2 take twice the time.
function(mp_compile_quickly target)
  target_compile_options(${target} PRIVATE "$<$<CONFIG:Release>:-O1>")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # g++ 12 at -O1: a false alarm in std::string's own copies
    target_compile_options(${target} PRIVATE "$<$<CONFIG:Release>:-Wno-array-bounds>")
  endif()
endfunction()

function(mp_program name folder)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE mp_options ${ARG_LINKS})
  mp_compile_quickly(${name})  # they parse flags and print; the libraries do the work
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  install(TARGETS ${name} RUNTIME_DEPENDENCY_SET mp_libraries)
endfunction()

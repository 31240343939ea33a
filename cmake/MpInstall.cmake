# cmake --install gives a folder that can be moved to another x86-64 Linux: programs in bin/, the shared libraries that a
# system may lack beside them in lib/. Left to the system: the C library and its loader, MPI (MP_MPI=OFF for machines without), and NVIDIA's libraries,
# which bin/nvidia-libraries finds there or in a Python environment.
set(MP_INSTALL_TESTS OFF CACHE BOOL "Install the runtime's test program, too (for a machine with a GPU and no compiler)")
set(mp_installed mpplan mprun)
if(MP_INSTALL_TESTS AND TARGET test_runtime)
  list(APPEND mp_installed test_runtime)
  install(TARGETS test_runtime RUNTIME_DEPENDENCY_SET mp_libraries)
endif()
set_target_properties(${mp_installed} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib:$ORIGIN/../lib/nvidia")
# As RPATH, not RUNPATH: the loader then looks there for what the shared libraries need, too (oneDNN: OpenCL's).
foreach(program IN LISTS mp_installed)
  target_link_options(${program} PRIVATE LINKER:--disable-new-dtags)
endforeach()
install(PROGRAMS "${PROJECT_SOURCE_DIR}/scripts/nvidia-libraries" DESTINATION bin)
install(RUNTIME_DEPENDENCY_SET mp_libraries
  PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|util)\\.so" "^lib(cuda|cudart|cublas|cublasLt|cudnn|nccl)\\.so"
    "^libmpi" "^libopen-(rte|pal)"
  POST_EXCLUDE_REGEXES "/lib(c|m|dl|rt|pthread)\\.so"
  DESTINATION lib)

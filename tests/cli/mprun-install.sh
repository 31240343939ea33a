# shellcheck shell=bash disable=SC2154
# cmake --install: a folder that can be moved, to a machine that lacks what this one has.

# Libraries of the tree must be found in the tree, those that its libraries need, too: the system may have none.
case_a_tree_that_was_moved_uses_its_own_libraries() {
  local program line name
  cmake --install "$(dirname "$(readlink -f "$bin")")" --prefix made >/dev/null || fail "cmake --install"
  mv made moved
  run moved/bin/nvidia-libraries
  expect_code 0
  for program in mpplan mprun; do
    run moved/bin/$program --version
    expect_code 0
    while IFS= read -r line; do
      read -r name _ <<<"$line"
      [[ ! -e moved/lib/$name || $line == *"/moved/"* ]] || fail "$program takes what the tree has from elsewhere: $line"
    done < <(ldd moved/bin/$program)
  done
}

# nvidia-libraries with an ldd that says what a program wants: `wants NAME…`; what is linked it finds.
wants() {
  mkdir -p tree/bin fake
  cp "$source/scripts/nvidia-libraries" tree/bin/
  cat >fake/ldd <<EOF
#!/usr/bin/env bash
for name in $*; do
  if [[ -e tree/lib/nvidia/\$name ]]; then echo "  \$name => \$PWD/tree/lib/nvidia/\$name (0x7f)"; else echo "  \$name => not found"; fi
done
EOF
  chmod +x fake/ldd
}

case_nvidia_libraries_are_linked_with_what_they_open_themselves() {
  local cuda=site/nvidia/cu99/lib cudnn=site/nvidia/cudnn/lib
  mkdir -p $cuda $cudnn
  touch $cuda/lib{cudart,cublas,cublasLt,nvrtc}.so.99 $cuda/libnvrtc-builtins.so.99.1 $cudnn/libcudnn{,_graph}.so.98
  wants libcudart.so.99 libcublas.so.99 libcudnn.so.98
  cat >fake/python3 <<EOF
#!/usr/bin/env bash
echo "$PWD/site"
EOF
  chmod +x fake/python3
  run env PATH="$PWD/fake:$PATH" tree/bin/nvidia-libraries
  expect_code 0
  expect_out "^libcudnn.so.98: .*/site/nvidia/cudnn/lib$"
  expect_same <(cd tree/lib/nvidia && ls) <(cd site/nvidia && ls cu99/lib cudnn/lib | grep so | LC_ALL=C sort)
}

case_nvidia_libraries_that_are_not_there_are_named() {
  wants libcublas.so.99 libnccl.so.98
  mkdir own
  touch own/libnccl.so.98
  run env PATH="$PWD/fake:$PATH" LD_LIBRARY_PATH="$PWD/own" tree/bin/nvidia-libraries
  expect_code 1
  expect_out "^libnccl.so.98: .*/own$"
  expect_err "^libcublas.so.99: not found on the system or in Python's packages$"
  expect_out 'libcublas.so.99 => not found'
}

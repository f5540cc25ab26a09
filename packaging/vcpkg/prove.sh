#!/usr/bin/env bash
# vcpkg itself is not run here. What its port asks of CMake is: the manifests parse and agree, the port's options
# configure, install and remove what the portfile says, and a host finds the result in vcpkg's layout.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
port=$root/packaging/vcpkg/ports/tandem
work=$root/build/vcpkg
rm -rf "$work"
mkdir -p "$work"

cat >"$work/manifests.cmake" <<'CMAKE'
cmake_minimum_required(VERSION 3.21)
file(STRINGS ${ROOT}/include/tandem/version.hpp _text REGEX "#define TANDEM_VERSION_STRING")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" _version "${_text}")
foreach(_file vcpkg.json packaging/vcpkg/ports/tandem/vcpkg.json)
  file(READ ${ROOT}/${_file} _json)
  string(JSON _name GET "${_json}" name)
  string(JSON _its_version GET "${_json}" version)
  if(NOT _name STREQUAL "tandem" OR NOT _its_version STREQUAL _version)
    message(FATAL_ERROR "${_file} says ${_name} ${_its_version}, version.hpp says ${_version}")
  endif()
endforeach()
# every feature of the port is an option of ours, and is passed by the portfile
string(JSON _count LENGTH "${_json}" features)
math(EXPR _last "${_count} - 1")
file(READ ${ROOT}/packaging/vcpkg/ports/tandem/portfile.cmake _portfile)
foreach(_i RANGE ${_last})
  string(JSON _feature MEMBER "${_json}" features ${_i})
  string(TOUPPER ${_feature} _upper)
  if(NOT _portfile MATCHES "${_feature} TANDEM_${_upper}\n")
    message(FATAL_ERROR "the portfile does not pass the feature ${_feature}")
  endif()
endforeach()
CMAKE
cmake -DROOT="$root" -P "$work/manifests.cmake"

# vcpkg_cmake_configure and _install, with all features and with none
try() { # try NAME HOST OPTIONS...: HOST is a project of tests/consumers
  local name=$1 host=$2
  shift 2
  cmake -S "$root" -B "$work/$name-build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE='-O1 -DNDEBUG' \
    -DTANDEM_BUILD_TESTS=OFF -DTANDEM_BUILD_EXAMPLES=OFF -DTANDEM_BUILD_CLI=OFF -DTANDEM_INSTALL=ON -DCMAKE_INSTALL_LIBDIR=lib "$@"
  cmake --build "$work/$name-build"
  cmake --install "$work/$name-build" --prefix "$work/$name"
  # vcpkg_cmake_config_fixup: from lib/cmake/tandem to share/tandem, _IMPORT_PREFIX one folder up
  mkdir -p "$work/$name/share"
  mv "$work/$name/lib/cmake/tandem" "$work/$name/share/tandem"
  rmdir "$work/$name/lib/cmake"
  sed -i 's#"${CMAKE_CURRENT_LIST_DIR}/../../../"#"${CMAKE_CURRENT_LIST_DIR}/../../"#' "$work/$name"/share/tandem/*.cmake
  # each get_filename_component(... PATH) of the targets file climbs one folder; there is one folder less now
  for targets in "$work/$name"/share/tandem/*Targets.cmake; do
    sed -i '0,/get_filename_component(_IMPORT_PREFIX "${_IMPORT_PREFIX}" PATH)/{//d}' "$targets"
  done
  cmake -S "$root/tests/consumers/$host" -B "$work/$name-host" -G Ninja -DCMAKE_PREFIX_PATH="$work/$name" -DCMAKE_CXX_FLAGS=-O0
  grep -q "tandem_DIR:PATH=$work/$name/share/tandem" "$work/$name-host/CMakeCache.txt"
  cmake --build "$work/$name-host"
  (cd "$work/$name-host" && ./app)
}
try all file -DTANDEM_KERNELS=ON -DTANDEM_SQLITE=ON -DTANDEM_ENCRYPTION=ON -DTANDEM_JSON=ON -DTANDEM_XTENSOR=ON -DTANDEM_HNSW=ON
try none app -DTANDEM_KERNELS=OFF -DTANDEM_SQLITE=OFF -DTANDEM_ENCRYPTION=OFF -DTANDEM_JSON=OFF -DTANDEM_XTENSOR=OFF \
  -DTANDEM_HNSW=OFF
# headers only: nothing else may be left in lib
rm -rf "$work/none/lib/pkgconfig"
[[ -z $(find "$work/none/lib" -type f 2>/dev/null) ]]
[[ -f $root/LICENSE && -f $port/usage ]]

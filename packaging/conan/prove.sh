#!/usr/bin/env bash
# Runs the recipe for real, without a Conan server: the dependencies are the system's ([platform_requires]).
# Needs python3 with venv, and pip that can install Conan 2, once; everything stays in build/conan.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/build/conan
mkdir -p "$work"
if [[ ! -x $work/venv/bin/conan ]]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet 'conan>=2.7,<3'
fi
export CONAN_HOME=$work/home
mkdir -p "$CONAN_HOME"
conan=$work/venv/bin/conan
"$conan" --version
"$conan" remote disable '*' >/dev/null 2>&1 || true # nothing is downloaded

version() { # version DEBIAN_PACKAGE: upstream's number of what is installed
  dpkg-query -W -f='${Version}' "$1" | sed -E 's/^[0-9]+://; s/[-+~].*//'
}
# -O0: that it builds and runs is the question, not how fast
cat >"$work/system.profile" <<PROFILE
[settings]
os=Linux
arch=$(uname -m | sed 's/aarch64/armv8/')
compiler=gcc
compiler.version=$(g++ -dumpversion | cut -d. -f1)
compiler.libcxx=libstdc++11
compiler.cppstd=20
build_type=Release
[platform_requires]
eigen/$(version libeigen3-dev)
highway/$(version libhwy-dev)
sqlitecpp/$(version libsqlitecpp-dev)
sqlite3/$(version libsqlite3-dev)
libsodium/$(version libsodium-dev)
nlohmann_json/$(version nlohmann-json3-dev)
xtensor/$(version libxtensor-dev)
[conf]
tools.cmake.cmaketoolchain:generator=Ninja
tools.cmake.cmaketoolchain:user_presets=
tools.build:cxxflags=["-O0"]
tools.cmake.cmake_layout:test_folder=$work/test
PROFILE

# every kind of package: compiled static and shared, with an encrypted file and without one, headers only
file="-o tandem/*:with_sqlite=True -o tandem/*:with_encryption=True"
for options in "" "$file" "$file -o tandem/*:shared=True" "-o tandem/*:with_kernels=False"; do
  echo "==== conan create ${options:-with the default options}"
  # shellcheck disable=SC2086  # each word of $options is an argument
  "$conan" create "$root" -pr:a "$work/system.profile" --build=tandem/* $options
done

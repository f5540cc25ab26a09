"""Conan 2 recipe of tandem, in the tree: `conan create .` here, or copied to a recipe index."""

import re
from pathlib import Path

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0.9"


class TandemRecipe(ConanFile):
    name = "tandem"
    description = "A personalization engine inside your application: batch, online and hybrid recommendations"
    license = "Apache-2.0"
    topics = ("recommender", "personalization", "bandit", "matrix-factorization")
    package_type = "library"

    settings = "os", "arch", "compiler", "build_type"
    options = {
        "shared": [True, False],
        "fPIC": [True, False],
        "with_kernels": [True, False],  # compiled: the inner loops, by Highway, and the engine; without, headers only
        "with_sqlite": [True, False],  # the other compiled part: an engine in a file
        "with_encryption": [True, False],  # of that file; needs with_sqlite
        "with_json": [True, False],
        "with_xtensor": [True, False],
    }
    default_options = {
        "shared": False,
        "fPIC": True,
        "with_kernels": True,
        "with_sqlite": False,  # two packages more to build, for hosts that keep an engine in a file
        "with_encryption": False,
        "with_json": True,
        "with_xtensor": False,
    }

    exports_sources = "CMakeLists.txt", "cmake/*", "include/*", "src/kernels/*", "src/engine/*", "src/store/*", "LICENSE"
    test_package_folder = "packaging/conan/test_package"

    def set_version(self):
        header = load(self, Path(self.recipe_folder, "include", "tandem", "version.hpp"))
        self.version = ".".join(re.findall(r"#define TANDEM_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header))

    @staticmethod
    def _is_compiled(options):
        return bool(options.with_kernels or options.with_sqlite)

    def config_options(self):
        if self.settings.os == "Windows":
            del self.options.fPIC

    def configure(self):
        if not self._is_compiled(self.options):
            self.options.rm_safe("shared")
            self.options.rm_safe("fPIC")
            self.package_type = "header-library"
        elif self.options.shared:
            self.options.rm_safe("fPIC")

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("eigen/[>=3.4 <6]", transitive_headers=True)
        if self.options.with_kernels:
            self.requires("highway/[>=1.0.3 <2]")
        if self.options.with_sqlite:
            self.requires("sqlitecpp/[>=3.2 <4]")
            self.requires("sqlite3/[>=3.40 <4]")
        if self.options.with_encryption:
            self.requires("libsodium/[>=1.0.12 <2]")
        if self.options.with_json:
            self.requires("nlohmann_json/[>=3.11 <4]", transitive_headers=True)
        if self.options.with_xtensor:
            self.requires("xtensor/[>=0.24 <1]", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)
        if self.options.with_encryption and not self.options.with_sqlite:
            raise ConanInvalidConfiguration("with_encryption needs with_sqlite")

    def package_id(self):
        if not self._is_compiled(self.info.options):  # headers only: one package for every setting
            self.info.clear()

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "CLI", "BENCHMARKS"):
            toolchain.cache_variables[f"TANDEM_BUILD_{part}"] = False
        toolchain.cache_variables["TANDEM_INSTALL"] = True
        for edge in ("kernels", "sqlite", "encryption", "json", "xtensor"):
            wanted = bool(self.options.get_safe(f"with_{edge}"))
            toolchain.cache_variables[f"TANDEM_{edge.upper()}"] = "ON" if wanted else "OFF"
        toolchain.cache_variables["TANDEM_ENGINE"] = "AUTO" if self.options.with_kernels else "OFF"
        toolchain.cache_variables["TANDEM_HNSW"] = "OFF"  # Conan Center has no hnswlib; the header is there all the same
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=Path(self.package_folder, "licenses"))
        rmdir(self, Path(self.package_folder, "lib", "pkgconfig"))  # Conan's PkgConfigDeps writes it from what follows

    def package_info(self):
        # find_package(tandem) reads tandem's own package file, the same as everywhere else: targets tandem::tandem,
        # tandem::kernels, tandem::engine and, on request, tandem::sqlite, tandem::json and tandem::xtensor
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [str(Path("lib", "cmake", "tandem"))]
        self.cpp_info.bindirs = ["bin"] if self.options.get_safe("shared") else []
        self.cpp_info.libs = []  # for build systems other than CMake
        if self.options.with_sqlite:
            self.cpp_info.libs.append("tandem_sqlite")
        if self.options.with_kernels:
            self.cpp_info.libs.append("tandem_kernels")
            self.cpp_info.defines = ["TANDEM_COMPILED_KERNELS=1"]  # and the engine from its headers
        if not self.cpp_info.libs:
            self.cpp_info.libdirs = []
        if self.settings.get_safe("os") in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread", "m"]

"""melu for Conan 2, from the sources in whose folder this recipe lies. Needs cargo.

conan create packaging/conan -o "melu/*:shared=True"
"""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import cross_building
from conan.tools.files import copy, load, rm, rmdir
from conan.tools.layout import basic_layout

SOURCES = [
    "Cargo.toml", "Cargo.lock", "build.rs", "README.md", "LICENSE-*", "include/*", "src/*",
    # Cargo.toml names them, so that cargo wants to see them.
    "benches/*.rs", "benches/peers/*.rs", "examples/*.rs",
    "bindings/c/*", "bindings/cpp/melu.hpp",
]  # fmt: skip


class Melu(ConanFile):
    name = "melu"
    description = "Recommendations for people nobody knows yet"
    license = "MIT OR Apache-2.0"
    homepage = url = "https://github.com/melu-rs/melu"
    topics = ("recommender", "cold-start", "machine-learning")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": False}
    # Both kinds are compiled at once, in one place.
    no_copy_source = True

    def root(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        cargo = load(self, os.path.join(self.root(), "Cargo.toml"))
        self.version = re.search(r'^version = "(.*)"', cargo, re.MULTILINE)[1]

    def export_sources(self):
        for pattern in SOURCES:
            copy(self, pattern, self.root(), self.export_sources_folder)

    def layout(self):
        basic_layout(self, src_folder=".")

    def configure(self):
        # The library is in C, whatever it is used from.
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    def package_id(self):
        # cargo has one way of compiling it, and the ABI is C's.
        del self.info.settings.build_type
        del self.info.settings.compiler

    def validate(self):
        if self.settings.os != "Linux" or self.settings.arch not in ("x86_64", "armv8"):
            raise ConanInvalidConfiguration("the recipe is for Linux on x86-64 and 64-bit Arm")
        if cross_building(self):
            raise ConanInvalidConfiguration(
                "the recipe compiles for this machine only; see bindings/c/install.sh for others"
            )

    def build(self):
        pass

    def package(self):
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(self.build_folder, "target"))
        script = os.path.join(self.source_folder, "bindings", "c", "install.sh")
        self.run(f'CARGO_TARGET_DIR="{target}" "{script}" --prefix "{self.package_folder}"')
        copy(self, "LICENSE-*", self.source_folder, os.path.join(self.package_folder, "licenses"))
        library = os.path.join(self.package_folder, "lib")
        # What Conan itself makes for who uses the package.
        rmdir(self, os.path.join(library, "cmake"))
        pc = load(self, os.path.join(library, "pkgconfig", "melu.pc"))
        self.needed(pc)
        rmdir(self, os.path.join(library, "pkgconfig"))
        rm(self, "*.a" if self.options.shared else "*.so*", library)

    def needed(self, pc):
        """Refuses to make a package that says of another library less than melu's own .pc file."""
        private = re.search(r"^Libs.private: (.*)", pc, re.MULTILINE)[1].replace("-l", "").split()
        if set(private) != set(SYSTEM_LIBRARIES):
            raise ConanInvalidConfiguration(f"the static library needs {private}")

    def package_info(self):
        self.cpp_info.libs = ["melu"]
        self.cpp_info.set_property("pkg_config_name", "melu")
        self.cpp_info.set_property("cmake_file_name", "melu")
        # The names that melu's own files for CMake have.
        kind = "melu" if self.options.shared else "melu-static"
        self.cpp_info.set_property("cmake_target_name", f"melu::{kind}")
        if not self.options.shared:
            self.cpp_info.system_libs = SYSTEM_LIBRARIES


SYSTEM_LIBRARIES = ["util", "rt", "pthread", "m", "dl"]

vcpkg_from_github(
  OUT_SOURCE_PATH SOURCE_PATH
  REPO melu-rs/melu
  REF "v${VERSION}"
  # `sha512sum` of the archive that GitHub makes of the tag.
  SHA512 0
  HEAD_REF main)

# vcpkg has no cargo, and a port must not fetch one.
find_program(CARGO cargo)
if(NOT CARGO)
  message(FATAL_ERROR "melu needs cargo: https://rustup.rs")
endif()

# There is one way of compiling the library, and the ABI is C's: no debug libraries.
set(VCPKG_BUILD_TYPE release)
vcpkg_execute_required_process(
  COMMAND "${CMAKE_COMMAND}" -E env "CARGO_TARGET_DIR=${CURRENT_BUILDTREES_DIR}/cargo"
    "${SOURCE_PATH}/bindings/c/install.sh" --prefix "${CURRENT_PACKAGES_DIR}"
  WORKING_DIRECTORY "${SOURCE_PATH}"
  LOGNAME "install-${TARGET_TRIPLET}")

# The script makes both kinds.
if(VCPKG_LIBRARY_LINKAGE STREQUAL "static")
  file(GLOB others "${CURRENT_PACKAGES_DIR}/lib/libmelu.so*")
else()
  set(others "${CURRENT_PACKAGES_DIR}/lib/libmelu.a")
endif()
file(REMOVE ${others})

# vcpkg wants CMake's files in share, one folder nearer to the prefix.
file(MAKE_DIRECTORY "${CURRENT_PACKAGES_DIR}/share")
file(RENAME "${CURRENT_PACKAGES_DIR}/lib/cmake/melu" "${CURRENT_PACKAGES_DIR}/share/melu")
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/cmake")
vcpkg_replace_string("${CURRENT_PACKAGES_DIR}/share/melu/melu-config.cmake" "/../../.." "/../..")
vcpkg_fixup_pkgconfig()

file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(
  FILE_LIST "${SOURCE_PATH}/LICENSE-MIT" "${SOURCE_PATH}/LICENSE-APACHE")

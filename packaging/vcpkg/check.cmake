# Runs the portfile without vcpkg, on sources that are here: what it calls of vcpkg's is written
# anew below, as vcpkg documents it.
#
#     cmake -DSOURCE=FOLDER -DPACKAGE=FOLDER -DLINKAGE=static|dynamic -P check.cmake
cmake_minimum_required(VERSION 3.20)
file(READ "${CMAKE_CURRENT_LIST_DIR}/vcpkg.json" manifest)
foreach(name name version-semver description homepage license supports)
  # Fails where the file is not JSON, or has no such member.
  string(JSON member GET "${manifest}" "${name}")
endforeach()
string(JSON PORT GET "${manifest}" name)
string(JSON VERSION GET "${manifest}" version-semver)

set(CURRENT_PACKAGES_DIR "${PACKAGE}")
set(CURRENT_BUILDTREES_DIR "${PACKAGE}-buildtrees")
set(TARGET_TRIPLET check)
set(VCPKG_LIBRARY_LINKAGE "${LINKAGE}")

function(vcpkg_from_github)
  cmake_parse_arguments(given "" "OUT_SOURCE_PATH;REPO;REF;SHA512;HEAD_REF" "" ${ARGN})
  if(given_UNPARSED_ARGUMENTS OR NOT given_REF STREQUAL "v${VERSION}")
    message(FATAL_ERROR "vcpkg_from_github ${ARGN}")
  endif()
  set(${given_OUT_SOURCE_PATH} "${SOURCE}" PARENT_SCOPE)
endfunction()

function(vcpkg_execute_required_process)
  cmake_parse_arguments(given "" "WORKING_DIRECTORY;LOGNAME" "COMMAND" ${ARGN})
  # One folder for compiled files, whatever the portfile says: both kinds are compiled at once.
  list(TRANSFORM given_COMMAND REPLACE "^CARGO_TARGET_DIR=.*" "CARGO_TARGET_DIR=$ENV{CARGO_TARGET_DIR}")
  execute_process(COMMAND ${given_COMMAND} WORKING_DIRECTORY "${given_WORKING_DIRECTORY}"
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_replace_string file from to)
  file(READ "${file}" before)
  string(REPLACE "${from}" "${to}" after "${before}")
  if(before STREQUAL after)
    message(FATAL_ERROR "${file} does not have ${from}")
  endif()
  file(WRITE "${file}" "${after}")
endfunction()

function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(given "" "" "FILE_LIST" ${ARGN})
  foreach(file IN LISTS given_FILE_LIST)
    file(READ "${file}" text)
    file(APPEND "${PACKAGE}/share/${PORT}/copyright" "${text}")
  endforeach()
endfunction()

include("${CMAKE_CURRENT_LIST_DIR}/portfile.cmake")

# What vcpkg looks for after an installation.
file(GLOB_RECURSE files RELATIVE "${PACKAGE}" "${PACKAGE}/*")
foreach(file include/melu.h include/melu.hpp share/melu/melu-config.cmake share/melu/copyright share/melu/usage
    lib/pkgconfig/melu.pc)
  if(NOT file IN_LIST files)
    message(FATAL_ERROR "the port lacks ${file}; it has ${files}")
  endif()
endforeach()
if(EXISTS "${PACKAGE}/lib/libmelu.a" AND EXISTS "${PACKAGE}/lib/libmelu.so")
  message(FATAL_ERROR "the port has both kinds of the library")
endif()

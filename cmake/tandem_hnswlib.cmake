# The target hnswlib::hnswlib: of its own package, or of its headers alone, which is all that Debian and vcpkg install.
# Sets hnswlib_FOUND. Used by the build, and by the installed package for its component hnsw.
if(NOT TARGET hnswlib::hnswlib)
  find_package(hnswlib CONFIG QUIET)
endif()
if(NOT TARGET hnswlib::hnswlib)
  find_path(TANDEM_HNSWLIB_INCLUDE_DIR hnswlib/hnswlib.h)
  mark_as_advanced(TANDEM_HNSWLIB_INCLUDE_DIR)
  if(TANDEM_HNSWLIB_INCLUDE_DIR)
    add_library(hnswlib::hnswlib INTERFACE IMPORTED) # a system header to its users: no warnings of its own
    set_target_properties(hnswlib::hnswlib PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${TANDEM_HNSWLIB_INCLUDE_DIR}")
  endif()
endif()
set(hnswlib_FOUND FALSE)
if(TARGET hnswlib::hnswlib)
  set(hnswlib_FOUND TRUE)
endif()

# tandem_eigen_alignment(<variable>): EIGEN_MAX_ALIGN_BYTES under the flags of this directory; empty if it is not known
include(CheckCXXSourceCompiles)
function(tandem_eigen_alignment variable)
  # a check links no target that is not imported, and reads no generator expressions
  get_target_property(CMAKE_REQUIRED_INCLUDES Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
  list(FILTER CMAKE_REQUIRED_INCLUDES EXCLUDE REGEX "INSTALL_INTERFACE")
  list(TRANSFORM CMAKE_REQUIRED_INCLUDES REPLACE "^\\$<BUILD_INTERFACE:(.*)>$" "\\1")
  get_directory_property(_options COMPILE_OPTIONS)
  list(FILTER _options EXCLUDE REGEX "\\$<")
  list(TRANSFORM _options REPLACE "^SHELL:" "")
  list(JOIN _options " " CMAKE_REQUIRED_FLAGS)
  set(CMAKE_TRY_COMPILE_CONFIGURATION "${CMAKE_BUILD_TYPE}")
  string(TOUPPER "${CMAKE_BUILD_TYPE}" _build_type)
  set(CMAKE_REQUIRED_QUIET ON)
  set(CMAKE_CXX_STANDARD 20)
  string(MD5 _flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${_build_type}} ${CMAKE_REQUIRED_FLAGS}")
  foreach(_bytes 16 32 64)
    set(_result "TANDEM_EIGEN_ALIGNS_${_bytes}_${_flags}") # asked anew when the flags change
    check_cxx_source_compiles("#include <Eigen/Core>
      static_assert(EIGEN_MAX_ALIGN_BYTES == ${_bytes});
      int main() {}" ${_result})
    if(${_result})
      set(${variable} ${_bytes} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${variable} "" PARENT_SCOPE)
endfunction()

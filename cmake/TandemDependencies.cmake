# Finds what tandem needs; sets TANDEM_HAVE_KERNELS, _JSON, _XTENSOR and the targets to link.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# Eigen went from 3.4 to 5.0 and its version file refuses a request that spans both: ask without a version, then check.
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 CONFIG REQUIRED)
endif()
if(DEFINED Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR "tandem needs Eigen >= 3.4, found ${Eigen3_VERSION}")
endif()

# tandem_want(<EDGE> <hint> <target>...): sets TANDEM_HAVE_<EDGE> and TANDEM_<EDGE>_TARGET to the first target there is
macro(tandem_want edge hint)
  set(TANDEM_HAVE_${edge} OFF)
  foreach(_candidate ${ARGN})
    if(TARGET ${_candidate} AND NOT TANDEM_HAVE_${edge})
      set(TANDEM_HAVE_${edge} ON)
      set(TANDEM_${edge}_TARGET ${_candidate})
    endif()
  endforeach()
  if(NOT TANDEM_HAVE_${edge} AND "${TANDEM_${edge}}" STREQUAL "ON")
    message(FATAL_ERROR "TANDEM_${edge}=ON needs ${hint}")
  endif()
endmacro()

if(NOT "${TANDEM_KERNELS}" STREQUAL "OFF")
  find_package(hwy CONFIG QUIET) # upstream's, Debian's and vcpkg's name
  if(NOT TARGET hwy::hwy)
    find_package(highway CONFIG QUIET) # Conan's
  endif()
  tandem_want(KERNELS "Highway (Debian: libhwy-dev; vcpkg, Conan: highway)" hwy::hwy highway::highway)
  set(TANDEM_HIGHWAY_TARGET ${TANDEM_KERNELS_TARGET})
endif()
if(NOT "${TANDEM_JSON}" STREQUAL "OFF")
  find_package(nlohmann_json CONFIG QUIET)
  tandem_want(JSON "nlohmann_json (Debian: nlohmann-json3-dev)" nlohmann_json::nlohmann_json)
endif()
if(NOT "${TANDEM_XTENSOR}" STREQUAL "OFF")
  find_package(xtensor CONFIG QUIET)
  tandem_want(XTENSOR "xtensor (Debian: libxtensor-dev)" xtensor)
endif()
message(STATUS "tandem ${PROJECT_VERSION}: kernels ${TANDEM_HAVE_KERNELS}, json ${TANDEM_HAVE_JSON}, xtensor ${TANDEM_HAVE_XTENSOR}")
